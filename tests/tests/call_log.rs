//! Call logs: what is posted and when, and what each answer of Cekura's API means, over real sockets.

#[path = "call_log/answers.rs"]
mod answers;
#[path = "call_log/conversations.rs"]
mod conversations;
#[path = "call_log/handles.rs"]
mod handles;
#[path = "call_log/order.rs"]
mod order;

const OBSERVE: &str = "POST /observability/v1/observe/";
