#[cekura::llm(output_tokens = |reply| reply.len() + prompt.len())]
fn owned(prompt: String) -> String {
    prompt
}

#[cekura::llm(output_tokens = |reply| reply.len() + prompt.len())]
async fn borrowed(prompt: &str) -> String {
    prompt.into()
}

struct Agent {
    model: String,
}

impl Agent {
    #[cekura::llm(model = |_| self.model.clone(), record("n" = |reply| (0..reply.len() - from).len()))]
    fn ask(&self, from: usize) -> String {
        self.model[from..].to_owned()
    }
}

fn main() {}
