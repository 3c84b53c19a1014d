const MODEL: &str = "gpt-4o";

#[cekura::llm(provider = openai, model = MODEL)]
fn ask(_prompt: &str) {}

struct Agent {
    model: String,
}

impl Agent {
    #[cekura::llm(model = gpt_4o, record("agent.model" = self.model))]
    fn ask(&self, openai: &str) {
        let _ = openai;
    }

    #[cekura::llm(provider = openai)]
    fn answer(&self, openai: &str) {
        let _ = openai;
    }
}

fn main() {}
