//! Methods, and functions of traits.

use super::*;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Agent {
    name: String,
}

impl Agent {
    #[cekura::span]
    fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    #[cekura::span(record(name = self.name))]
    fn shared(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.name)
    }

    #[cekura::span]
    fn exclusive(&mut self) -> &mut String {
        self.name.push('!');
        &mut self.name
    }

    #[cekura::span]
    fn consuming(self) -> String {
        self.name
    }

    #[cekura::span]
    fn mutable_self(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    #[cekura::span]
    fn boxed_self(self: Box<Self>) -> Box<Self> {
        self
    }

    #[cekura::span]
    fn counted(self: Rc<Self>, other: &Rc<Self>) -> bool {
        Rc::ptr_eq(&self, other)
    }

    #[cekura::span]
    fn pinned(self: Pin<&mut Self>) -> usize {
        self.get_mut().name.len()
    }

    #[cekura::span(record(name = self.name))]
    async fn async_shared(&self) -> &str {
        ready(()).await;
        &self.name
    }

    #[cekura::span]
    async fn async_exclusive(&mut self, n: usize) -> &mut Self {
        self.name.truncate(n);
        self
    }

    #[cekura::span]
    async fn async_consuming(mut self: Arc<Self>) -> String {
        Arc::make_mut(&mut self).name.push('?');
        self.name.clone()
    }

    #[cekura::span]
    fn boxed_by_name(&self) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
        Box::pin(async move { self.name.len() })
    }
}

pub(crate) trait Speak {
    fn name(&self) -> String;

    #[cekura::span]
    fn greet(&self, other: &str) -> String {
        format!("{} greets {other}", self.name())
    }

    #[cekura::span]
    fn sized(self) -> Self
    where
        Self: Sized,
    {
        self
    }

    fn say(&self, text: &str) -> impl Future<Output = Result<usize, Failed>> + Send;
    async fn hear(&mut self, audio: Vec<u8>) -> usize;
}

impl Speak for Agent {
    #[cekura::span]
    fn name(&self) -> String {
        self.name.clone()
    }

    #[cekura::span]
    async fn say(&self, text: &str) -> Result<usize, Failed> {
        if text.is_empty() {
            return Err(Failed("nothing to say"));
        }
        Ok(text.len())
    }

    #[cekura::span]
    async fn hear(&mut self, audio: Vec<u8>) -> usize {
        self.name.clear();
        audio.len()
    }
}

impl<T> PartialEq<Wrapper<T>> for Agent
where
    T: AsRef<str>,
{
    #[cekura::span]
    fn eq(&self, other: &Wrapper<T>) -> bool {
        self.name == other.0.as_ref()
    }
}

pub(crate) struct Wrapper<T>(pub(crate) T);

impl<'a, T: Debug + 'a> Wrapper<&'a T> {
    #[cekura::span]
    fn inner(&self) -> &'a T {
        self.0
    }
}

/// Calls every function; gives the number of spans it should have made.
pub(crate) fn run() -> usize {
    let mut agent = Agent::new("ann");
    assert_eq!(agent.shared("?"), "ann?");
    assert_eq!(agent.exclusive(), "ann!");
    assert_eq!(agent.clone().consuming(), "ann!");
    agent = agent.mutable_self("bob");
    agent = *Box::new(agent).boxed_self();
    let shared = Rc::new(agent.clone());
    assert!(shared.clone().counted(&shared));
    assert_eq!(Pin::new(&mut agent).pinned(), 3);
    assert_eq!(block_on(send(agent.async_shared())), "bob");
    assert_eq!(block_on(send(agent.async_exclusive(2))).name, "bo");
    assert_eq!(block_on(Arc::new(agent.clone()).async_consuming()), "bo?");
    assert_eq!(block_on(send(agent.boxed_by_name())), 2);
    assert_eq!(agent.greet("eve"), "bo greets eve");
    assert_eq!(agent.clone().sized(), agent);
    assert_eq!(block_on(send(agent.say(""))), Err(Failed("nothing to say")));
    assert_eq!(block_on(agent.hear(vec![1, 2])), 2);
    assert!(agent == Wrapper(String::new()));
    assert_eq!(*Wrapper(&1).inner(), 1);
    19
}
