use std::rc::Rc;

#[cekura::span(skip_all)]
async fn work(shared: Rc<u8>) -> u8 {
    std::future::ready(()).await;
    *shared
}

fn send(_: impl Send) {}

fn main() {
    send(work(Rc::new(1)));
}
