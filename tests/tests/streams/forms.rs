//! One annotated function per form that a stream is returned in; each is called and gives its stream in a box.

use super::feed::{Broken, Chunk, Feed, Item};
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, LocalBoxStream, Stream, StreamExt};
use std::pin::Pin;

macro_rules! forms {
    ($($name:ident: |$feed:ident| $call:expr;)*) => {
        /// Every form by name, and how its function is called.
        pub(super) const FORMS: &[(&str, fn(Feed) -> LocalBoxStream<'static, Item>)] =
            &[$((stringify!($name), |$feed| $call.boxed_local())),*];
    };
}

forms! {
    opaque: |feed| opaque(feed);
    opaque_with_lifetime: |feed| opaque_with_lifetime(feed, &());
    pinned: |feed| pinned(feed);
    pinned_send: |feed| pinned_send(feed);
    pinned_sync: |feed| pinned_sync(feed);
    pinned_with_lifetime: |feed| pinned_with_lifetime(feed, &());
    pinned_opaque: |feed| pinned_opaque(feed);
    box_stream: |feed| box_stream(feed);
    local_box_stream: |feed| local_box_stream(feed);
    unpin: |feed| unpin(feed);
    alias: |feed| alias(feed);
    alias_with_the_word: |feed| alias_with_the_word(feed).unwrap();
    result_of_opaque: |feed| result_of_opaque(feed).unwrap();
    result_of_box_stream: |feed| result_of_box_stream(feed).unwrap();
    option_of_opaque: |feed| option_of_opaque(feed).unwrap();
    option_of_local_box_stream: |feed| option_of_local_box_stream(feed).unwrap();
    result_of_option: |feed| result_of_option(feed).unwrap().unwrap();
    async_opaque: |feed| block_on(async_opaque(feed));
    async_box_stream: |feed| block_on(async_box_stream(feed));
    async_local_box_stream: |feed| block_on(async_local_box_stream(feed));
    async_result_of_opaque: |feed| block_on(async_result_of_opaque(feed)).unwrap();
    async_result_of_alias: |feed| block_on(async_result_of_alias(feed)).unwrap();
    async_result_of_pinned_opaque: |feed| block_on(async_result_of_pinned_opaque(feed)).unwrap();
    async_option_of_opaque: |feed| block_on(async_option_of_opaque(feed)).unwrap();
    future_of_opaque: |feed| block_on(future_of_opaque(feed)).unwrap();
    box_future_of_box_stream: |feed| block_on(box_future_of_box_stream(feed)).unwrap();
    async_trait: |feed| block_on(Model.async_trait(feed)).unwrap();
    trait_method: |feed| Model.trait_method(feed);
    generic: |feed| generic(feed);
}

pub(super) type Reply = Pin<Box<dyn Stream<Item = Item> + Send>>;

macro_rules! annotated {
    ($($(#[$attribute:meta])* $vis:vis fn $name:ident $(<$life:lifetime>)? ($($argument:ident: $type:ty),*) -> $returns:ty { $body:expr })*) => {
        $(#[cekura::llm(skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
        fn $name $(<$life>)? ($($argument: $type),*) -> $returns {
            $body
        })*
    };
}

annotated! {
    fn opaque(feed: Feed) -> impl Stream<Item = Item> { feed }
    fn opaque_with_lifetime<'a>(feed: Feed, _with: &'a ()) -> impl Stream<Item = Result<Chunk, Broken>> + Send + 'a { feed }
    fn pinned(feed: Feed) -> Pin<Box<dyn Stream<Item = Item>>> { Box::pin(feed) }
    fn pinned_send(feed: Feed) -> Pin<Box<dyn Stream<Item = Item> + Send>> { Box::pin(feed) }
    fn pinned_sync(feed: Feed) -> Pin<Box<dyn Stream<Item = Item> + Send + Sync>> { Box::pin(feed) }
    fn pinned_with_lifetime<'a>(feed: Feed, _with: &'a ()) -> Pin<Box<dyn Stream<Item = Item> + Send + 'a>> { Box::pin(feed) }
    fn pinned_opaque(feed: Feed) -> Pin<Box<impl Stream<Item = Item> + Send>> { Box::pin(feed) }
    fn box_stream(feed: Feed) -> BoxStream<'static, Item> { feed.boxed() }
    fn local_box_stream(feed: Feed) -> LocalBoxStream<'static, Item> { feed.boxed_local() }
    fn unpin(feed: Feed) -> Box<dyn Stream<Item = Item> + Send + Unpin> { Box::new(feed) }
    fn alias(feed: Feed) -> Reply { feed.boxed() }
    fn result_of_opaque(feed: Feed) -> Result<impl Stream<Item = Item>, Broken> { Ok(feed) }
    fn result_of_box_stream(feed: Feed) -> Result<BoxStream<'static, Item>, Broken> { Ok(feed.boxed()) }
    fn option_of_opaque(feed: Feed) -> Option<impl Stream<Item = Item>> { Some(feed) }
    fn option_of_local_box_stream(feed: Feed) -> Option<LocalBoxStream<'static, Item>> { Some(feed.boxed_local()) }
    fn result_of_option(feed: Feed) -> Result<Option<impl Stream<Item = Item>>, Broken> { Ok(Some(feed)) }
    fn future_of_opaque(feed: Feed) -> impl Future<Output = Result<impl Stream<Item = Item>, Broken>> { async { Ok(feed) } }
    fn box_future_of_box_stream(feed: Feed) -> BoxFuture<'static, Result<BoxStream<'static, Item>, Broken>> {
        async { Ok(feed.boxed()) }.boxed()
    }
}

#[cekura::llm(stream, skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
fn alias_with_the_word(feed: Feed) -> Result<Reply, Broken> {
    Ok(feed.boxed())
}

#[cekura::llm(skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
async fn async_opaque(feed: Feed) -> impl Stream<Item = Item> {
    feed
}

#[cekura::llm(skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
async fn async_box_stream(feed: Feed) -> BoxStream<'static, Item> {
    feed.boxed()
}

#[cekura::llm(skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
async fn async_local_box_stream(feed: Feed) -> LocalBoxStream<'static, Item> {
    feed.boxed_local()
}

#[cekura::llm(skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
async fn async_result_of_opaque(feed: Feed) -> Result<impl Stream<Item = Item>, Broken> {
    Ok(feed)
}

#[cekura::llm(skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
async fn async_result_of_alias(feed: Feed) -> Result<Reply, Broken> {
    Ok(feed.boxed())
}

#[cekura::llm(stream, skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
async fn async_result_of_pinned_opaque(feed: Feed) -> Result<Pin<Box<impl Stream<Item = Item>>>, Broken> {
    Ok(Box::pin(feed))
}

#[cekura::llm(skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
async fn async_option_of_opaque(feed: Feed) -> Option<impl Stream<Item = Item>> {
    Some(feed)
}

#[cekura::llm(skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
fn generic<S: Stream<Item = Item> + Send + 'static>(stream: S) -> BoxStream<'static, S::Item> {
    stream.boxed()
}

struct Model;

#[async_trait::async_trait]
trait Answers {
    async fn async_trait(&self, feed: Feed) -> Result<BoxStream<'static, Item>, Broken>;

    fn trait_method(&self, feed: Feed) -> impl Stream<Item = Item> + 'static;
}

#[async_trait::async_trait]
impl Answers for Model {
    #[cekura::llm(skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
    async fn async_trait(&self, feed: Feed) -> Result<BoxStream<'static, Item>, Broken> {
        Ok(feed.boxed())
    }

    #[cekura::llm(skip_all, output = |chunk| chunk.text, finish_reason = |chunk| chunk.finish)]
    fn trait_method(&self, feed: Feed) -> impl Stream<Item = Item> + 'static {
        feed
    }
}
