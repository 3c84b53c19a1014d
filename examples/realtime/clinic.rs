//! The clinic's calendar: a call of one of its functions, as the model words it → what the function returns, as
//! JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// How long the calendar takes to answer.
const LOOK_UP: Duration = Duration::from_millis(80);

/// A call of a function, as the model words it.
#[derive(Clone, Deserialize)]
pub(crate) struct FunctionCall {
    call_id: String,
    name: String,
    arguments: String,
}

impl fmt::Display for FunctionCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.arguments)
    }
}

pub(crate) struct Clinic {
    free: Mutex<Vec<(&'static str, &'static str)>>,
}

impl Clinic {
    pub(crate) fn new() -> Self {
        let free = [("tuesday", "09:30"), ("tuesday", "14:30"), ("tuesday", "16:00"), ("friday", "08:30")];
        Self { free: Mutex::new(free.into()) }
    }

    /// What the model may call.
    pub(crate) fn functions() -> Value {
        let function = |name, description, arguments: &[&str]| {
            let properties: Value =
                arguments.iter().map(|name| (*name, json!({ "type": "string" }))).collect();
            json!({
                "type": "function",
                "name": name,
                "description": description,
                "parameters": { "type": "object", "properties": properties, "required": arguments },
            })
        };
        json!([
            function("find_slot", "The free times of a day.", &["day"]),
            function("book_appointment", "Books a free time of a day.", &["day", "time"]),
        ])
    }

    /// Calls a function and gives the item that tells the model. What goes wrong is told, too: the model can make up
    /// for it.
    pub(crate) async fn call(&self, call: FunctionCall) -> Value {
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        let argument = |name: &str| arguments[name].as_str().unwrap_or("").to_lowercase();
        let (id, day, time) = (&call.call_id, argument("day"), argument("time"));
        let output = match call.name.as_str() {
            "find_slot" => json!({ "free": self.find_slot(id, &day).await }),
            "book_appointment" => match self.book_appointment(id, &day, &time).await {
                Ok(booking) => json!({ "booked": booking }),
                Err(error) => json!({ "error": error }),
            },
            name => json!({ "error": format!("there is no function {name}") }),
        };
        json!({ "type": "function_call_output", "call_id": id, "output": output.to_string() })
    }

    #[cekura::tool_call(id = id, skip(id))]
    async fn find_slot(&self, id: &str, day: &str) -> Vec<&'static str> {
        sleep(LOOK_UP).await;
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.iter().filter(|slot| slot.0 == day).map(|slot| slot.1).collect()
    }

    #[cekura::tool_call(id = id, skip(id))]
    async fn book_appointment(&self, id: &str, day: &str, time: &str) -> Result<Booking, String> {
        sleep(LOOK_UP).await;
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = free.iter().position(|slot| *slot == (day, time));
        let slot = slot.ok_or_else(|| format!("{day} {time} is not free"))?;
        let (day, time) = free.remove(slot);
        Ok(Booking { day, time })
    }
}

#[derive(Debug, Serialize)]
struct Booking {
    day: &'static str,
    time: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_time_is_booked_once() {
        let clinic = Clinic::new();
        let call = async |name: &str, arguments: Value| {
            let (call_id, name) = ("call_1".to_owned(), name.to_owned());
            let mut item =
                clinic.call(FunctionCall { call_id, name, arguments: arguments.to_string() }).await;
            assert_eq!((&item["type"], &item["call_id"]), (&json!("function_call_output"), &json!("call_1")));
            item["output"].take()
        };
        let four = json!({ "day": "Tuesday", "time": "16:00" });
        assert_eq!(call("find_slot", four.clone()).await, r#"{"free":["09:30","14:30","16:00"]}"#);
        let booked = r#"{"booked":{"day":"tuesday","time":"16:00"}}"#;
        assert_eq!(call("book_appointment", four.clone()).await, booked);
        assert_eq!(call("book_appointment", four.clone()).await, r#"{"error":"tuesday 16:00 is not free"}"#);
        assert_eq!(call("find_slot", four).await, r#"{"free":["09:30","14:30"]}"#);
        assert_eq!(call("hang_up", json!({})).await, r#"{"error":"there is no function hang_up"}"#);
    }
}
