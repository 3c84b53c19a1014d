//! Functions that return a stream, in every form: their spans stay open until the stream is over, however it ends.

mod streams {
    mod feed;
    mod first;
    mod forms;
    mod gathered;
    mod matrix;
    mod named;
    mod unfollowed;
    mod unread;
}
