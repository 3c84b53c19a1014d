//! stub
use super::shapes::Shapes;
use serde::Serialize;
pub struct Walker<'a>(&'a mut Vec<u8>);
pub trait Walk {
    fn walk(&self, walker: &mut Walker<'_>);
}
impl<T: Serialize + ?Sized> Walk for T {
    fn walk(&self, w: &mut Walker<'_>) {
        let _ = (w.0.len(), std::mem::size_of_val(self));
    }
}
pub(crate) struct Walked {
    pub(crate) root: Root,
    pub(crate) truncated: bool,
}
pub(crate) enum Root {
    Bool(bool),
    F64(f64),
    I64(i64),
    Json,
    Null,
    Text,
}
pub(crate) fn walk(
    value: &dyn Walk,
    out: Option<&mut Vec<u8>>,
    limit: usize,
    shapes: Option<&mut Shapes>,
) -> Walked {
    let _ = (value, out, limit, shapes);
    Walked { root: Root::Null, truncated: false }
}
pub(crate) fn write_json(value: &dyn Walk, out: &mut Vec<u8>, limit: usize) -> bool {
    let _ = (value, out, limit);
    false
}
pub(crate) struct Object(Vec<u8>);
impl Object {
    pub(crate) fn new(_: usize) -> Self {
        Self(vec![])
    }
    pub(crate) fn field(&mut self, n: &str, v: &dyn Walk) {
        let _ = (n, v);
    }
    pub(crate) fn finish(self, out: &mut Vec<u8>) -> bool {
        out.extend(self.0);
        false
    }
}
