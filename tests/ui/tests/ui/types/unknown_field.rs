struct Reply {
    text: String,
}

#[cekura::llm(output = |reply| &reply.txt, model = modle)]
fn ask(model: &str) -> Reply {
    Reply { text: model.to_owned() }
}

fn main() {}
