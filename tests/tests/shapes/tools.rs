//! An answer that only asks for tools: its output is what it asks for, name and arguments.

use cekura_trace_tests::vendors::{ALL, item, items, llm, llm_stream, s2s_stream, said};
use serde_json::{Value, json};

const OUTPUT: &str = r#"output = [{"name":"find_slot","arguments":{"day":"tuesday","after":14}},{"name":"hang_up","arguments":{}}]"#;

/// Whether JSON objects keep the order of their fields depends on how `serde_json` is built.
#[track_caller]
fn check(said: &[String], file: &str) {
    let sorted = OUTPUT.replace(r#"{"day":"tuesday","after":14}"#, r#"{"after":14,"day":"tuesday"}"#);
    let is_output = |line: &String| *line == OUTPUT || *line == sorted;
    assert!(said.iter().any(is_output), "{file}: {said:#?}");
    for tokens in ["gen_ai.usage.input_tokens = 82", "gen_ai.usage.output_tokens = 17"] {
        assert!(said.iter().any(|line| line == tokens), "{file}: {said:#?}");
    }
}

#[test]
fn an_answer_that_only_asks_for_tools_has_them_as_its_output() {
    for file in
        ["anthropic", "bedrock", "cohere", "gemini", "genai", "ollama", "openai-chat", "openai-responses"]
    {
        let file = format!("tools/{file}");
        check(&said(&llm(item::<Value>(&file))), &file);
        // One level down, and as the only item of a stream.
        check(&said(&llm(json!({ "took_ms": 3, "raw": item::<Value>(&file) }))), &file);
        check(&said(&llm_stream(items::<Value>(&file), ALL)), &file);
    }
}

#[test]
fn pieces_of_arguments_are_put_together() {
    for file in ["anthropic", "bedrock", "cohere", "gemini", "openai-chat", "openai-responses"] {
        let file = format!("tools/{file}-stream");
        let mut events: Vec<Value> = items(&file);
        if file.contains("openai-chat") {
            events.push(json!({ "id": "chatcmpl-7", "object": "chat.completion.chunk", "choices": [],
                "usage": { "prompt_tokens": 82, "completion_tokens": 17 } }));
        }
        check(&said(&llm_stream(events, ALL)), &file);
    }
}

#[test]
fn what_was_asked_for_until_it_was_cut_off_is_kept() {
    let output = |file, taken| {
        let said = said(&llm_stream(items::<Value>(file), taken));
        said.into_iter().find(|line| line.starts_with("output"))
    };
    let half = r#"output = [{"name":"find_slot","arguments":"{\"day\":\"tuesday\","}]"#;
    assert_eq!(output("tools/openai-responses-stream", 3).as_deref(), Some(half));
    assert_eq!(output("tools/anthropic-stream", 5).as_deref(), Some(half));
    // Its placeholder is no argument.
    let begun = r#"output = [{"name":"find_slot","arguments":{}}]"#;
    assert_eq!(output("tools/anthropic-stream", 2).as_deref(), Some(begun));
}

#[test]
fn a_session_asks_for_tools() {
    let live = said(&s2s_stream(items::<Value>("tools/gemini-live"), ALL));
    assert!(live.iter().any(|line| line.starts_with(r#"output = [{"name":"find_slot""#)), "{live:#?}");
    let agent = json!({ "type": "FunctionCallRequest", "functions": [
        { "id": "f1", "name": "find_slot", "arguments": "{\"day\":\"tuesday\"}", "client_side": true },
    ] });
    let said = said(&s2s_stream(vec![agent], ALL));
    assert!(
        said.contains(&r#"output = [{"name":"find_slot","arguments":{"day":"tuesday"}}]"#.to_owned()),
        "{said:#?}"
    );
}

#[test]
fn beside_a_text_tools_are_no_output() {
    let answer = json!({ "object": "chat.completion", "choices": [{ "index": 0, "message": {
        "content": "Let me look.", "tool_calls": [{ "id": "c", "function": { "name": "find_slot", "arguments": "{}" } }],
    } }] });
    assert_eq!(said(&llm(answer)), ["output = Let me look."]);
}

#[test]
fn servers_that_repeat_the_name_or_give_every_call_one_index() {
    let chunk = |index: i64, name: Option<&str>, arguments: &str| {
        json!({ "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": { "tool_calls": [
            { "index": index, "function": { "name": name, "arguments": arguments } } ] } }] })
    };
    let output = |chunks| said(&llm_stream(chunks, ALL)).remove(0);
    let repeated = vec![chunk(0, Some("find"), "{\"a\""), chunk(0, Some("find"), ":1}")];
    assert_eq!(output(repeated), r#"output = [{"name":"find","arguments":{"a":1}}]"#);
    let one_index = vec![chunk(0, Some("find"), "{\"a\":1}"), chunk(0, Some("book"), "{\"b\":[2,{}]}")];
    assert_eq!(
        output(one_index),
        r#"output = [{"name":"find","arguments":{"a":1}},{"name":"book","arguments":{"b":[2,{}]}}]"#
    );
}

#[test]
fn arguments_that_are_a_value_keep_their_lists_and_their_nulls() {
    let arguments = json!({ "a": [], "b": {}, "c": [null, true, 1.5, "x\"y"], "d": { "e": [[1], [2]] } });
    let answer = json!({ "model": "llama3", "done": true, "message": {
        "content": "", "tool_calls": [{ "function": { "name": "odd", "arguments": arguments } }] } });
    let said = said(&llm(answer));
    let output = said.iter().find_map(|line| line.strip_prefix("output = ")).unwrap();
    let output: Value = serde_json::from_str(output).unwrap();
    assert_eq!(output[0]["arguments"], arguments);
    // What is too long is cut, and stays JSON.
    let long = json!({ "model": "llama3", "done": true, "message": { "content": "", "tool_calls": [
        { "function": { "name": "odd", "arguments": { "list": vec!["0123456789"; 9000], "z": 1 } } } ] } });
    let trace = llm(long);
    let output = trace.spans()[0].text("output").unwrap();
    assert!(output.len() <= 32 << 10, "{}", output.len());
    assert!(serde_json::from_str::<Value>(output).is_ok(), "{output}");
    assert_eq!(trace.spans()[0].attribute("output.truncated"), Some(&true.into()));
}
