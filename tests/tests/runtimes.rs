//! Any runtime or none: the delivery has a thread of its own and needs nothing of the program's.

#[path = "runtimes/wakers.rs"]
mod wakers;

use cekura::{Cekura, Protocol};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, PROTOCOLS, converse, to};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

/// A conversation across tasks, delivered while the program's runtime is busy with it.
#[cekura::conversation(client = handle, skip_all)]
async fn call(handle: &Cekura) {
    tokio::task::yield_now().await;
    cekura::spawn(turn()).await.unwrap();
    assert_eq!(handle.flush(LONG).await.delivered % 2, 1);
}

#[cekura::turn]
async fn turn() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

async fn serve(protocol: Protocol) {
    let backend = Backend::new();
    let handle = to(&backend, protocol).build().unwrap();
    call(&handle).await;
    assert_eq!(handle.flush(LONG).await.to_string(), "2 accepted, 2 delivered");
    call(&handle).await;
    let report = handle.shutdown(LONG).await;
    assert_eq!(report.to_string(), "4 accepted, 4 delivered");
    assert_eq!(backend.names(), ["conversation", "conversation", "turn", "turn"]);
}

fn on(runtime: &Runtime) {
    for protocol in PROTOCOLS {
        runtime.block_on(serve(protocol));
    }
}

#[test]
fn many_workers() {
    on(&Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap());
}

#[test]
fn one_worker() {
    on(&Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
}

#[test]
fn the_current_thread() {
    on(&Builder::new_current_thread().enable_all().build().unwrap());
}

#[tokio::test]
async fn a_tokio_test() {
    for protocol in PROTOCOLS {
        serve(protocol).await;
    }
}

#[tokio::test]
async fn a_task_on_one_worker() {
    for protocol in PROTOCOLS {
        tokio::spawn(serve(protocol)).await.unwrap();
    }
}

#[tokio::test]
async fn a_local_set() {
    for protocol in PROTOCOLS {
        LocalSet::new()
            .run_until(async move { tokio::task::spawn_local(serve(protocol)).await.unwrap() })
            .await;
    }
}

#[tokio::test]
async fn blocking_calls_in_async_code() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).delivered, 2);
        converse(&handle, 1);
        assert_eq!(handle.shutdown_blocking(LONG).delivered, 4);
    }
}

#[tokio::test]
async fn a_drop_in_async_code() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        drop(handle);
        assert_eq!(backend.spans().len(), 2);
    }
}

#[tokio::test]
async fn spawn_blocking() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = Arc::new(to(&backend, protocol).build().unwrap());
        let inside = handle.clone();
        let delivered = tokio::task::spawn_blocking(move || {
            converse(&inside, 1);
            inside.flush_blocking(LONG).delivered
        });
        assert_eq!(delivered.await.unwrap(), 2);
    }
}

#[test]
fn no_runtime() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        assert_eq!(futures::executor::block_on(handle.flush(LONG)).delivered, 2);
        converse(&handle, 1);
        assert_eq!(futures::executor::block_on(handle.shutdown(LONG)).delivered, 4);
    }
}

#[test]
fn a_runtime_without_timers_or_sockets() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        let runtime = Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(handle.flush(LONG)).delivered, 2);
    }
}

#[test]
fn the_programs_runtime_ends_first() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let handle = runtime.block_on(async {
            let handle = to(&backend, protocol).build().unwrap();
            converse(&handle, 1);
            handle
        });
        drop(runtime);
        converse(&handle, 1);
        assert_eq!(handle.shutdown_blocking(LONG).to_string(), "4 accepted, 4 delivered");
        assert_eq!(backend.spans().len(), 4);
    }
}

#[test]
fn a_flush_that_nobody_awaits_stops_nothing() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        {
            let mut flush = pin!(handle.flush(LONG));
            let poll = flush.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(poll, Poll::Pending | Poll::Ready(_)));
        }
        assert_eq!(handle.flush_blocking(LONG).delivered, 2);
    }
}

#[tokio::test]
async fn a_shutdown_in_a_task_that_is_aborted_still_ends_the_delivery() {
    let backend = Backend::new();
    let handle = Arc::new(to(&backend, Protocol::Grpc).build().unwrap());
    converse(&handle, 1);
    let ending = handle.clone();
    let task = tokio::spawn(async move { ending.shutdown(LONG).await });
    tokio::task::yield_now().await;
    task.abort();
    drop(task.await);
    backend.await_requests(1);
    converse(&handle, 1);
    assert_eq!(handle.flush(LONG).await.delivered, 2);
}
