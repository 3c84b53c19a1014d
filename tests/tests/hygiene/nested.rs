//! Annotated functions each of which waits for the next, as deep as the default recursion limit allows.

pub struct Failed(pub String);

pub mod plain {
    pub use super::*;

    #[cekura::span]
    pub async fn f24(a: u32) -> u32 {
        std::future::ready(()).await;
        a
    }

    #[cekura::span]
    pub async fn f23(a: u32) -> u32 {
        f24(a + 1).await
    }

    #[cekura::span]
    pub async fn f22(a: u32) -> u32 {
        f23(a + 1).await
    }

    #[cekura::span]
    pub async fn f21(a: u32) -> u32 {
        f22(a + 1).await
    }

    #[cekura::span]
    pub async fn f20(a: u32) -> u32 {
        f21(a + 1).await
    }

    #[cekura::span]
    pub async fn f19(a: u32) -> u32 {
        f20(a + 1).await
    }

    #[cekura::span]
    pub async fn f18(a: u32) -> u32 {
        f19(a + 1).await
    }

    #[cekura::span]
    pub async fn f17(a: u32) -> u32 {
        f18(a + 1).await
    }

    #[cekura::span]
    pub async fn f16(a: u32) -> u32 {
        f17(a + 1).await
    }

    #[cekura::span]
    pub async fn f15(a: u32) -> u32 {
        f16(a + 1).await
    }

    #[cekura::span]
    pub async fn f14(a: u32) -> u32 {
        f15(a + 1).await
    }

    #[cekura::span]
    pub async fn f13(a: u32) -> u32 {
        f14(a + 1).await
    }

    #[cekura::span]
    pub async fn f12(a: u32) -> u32 {
        f13(a + 1).await
    }

    #[cekura::span]
    pub async fn f11(a: u32) -> u32 {
        f12(a + 1).await
    }

    #[cekura::span]
    pub async fn f10(a: u32) -> u32 {
        f11(a + 1).await
    }

    #[cekura::span]
    pub async fn f9(a: u32) -> u32 {
        f10(a + 1).await
    }

    #[cekura::span]
    pub async fn f8(a: u32) -> u32 {
        f9(a + 1).await
    }

    #[cekura::span]
    pub async fn f7(a: u32) -> u32 {
        f8(a + 1).await
    }

    #[cekura::span]
    pub async fn f6(a: u32) -> u32 {
        f7(a + 1).await
    }

    #[cekura::span]
    pub async fn f5(a: u32) -> u32 {
        f6(a + 1).await
    }

    #[cekura::span]
    pub async fn f4(a: u32) -> u32 {
        f5(a + 1).await
    }

    #[cekura::span]
    pub async fn f3(a: u32) -> u32 {
        f4(a + 1).await
    }

    #[cekura::span]
    pub async fn f2(a: u32) -> u32 {
        f3(a + 1).await
    }

    #[cekura::span]
    pub async fn f1(a: u32) -> u32 {
        f2(a + 1).await
    }

    #[cekura::span]
    pub async fn f0(a: u32) -> u32 {
        f1(a + 1).await
    }

}

pub mod full {
    pub use super::*;

    #[cekura::span]
    pub async fn f24(prompt: String, n: u32) -> Result<String, Failed> {
        std::future::ready(()).await;
        if n == 0 { Err(Failed(prompt)) } else { Ok(prompt) }
    }

    #[cekura::span]
    pub async fn f23(prompt: String, n: u32) -> Result<String, Failed> {
        f24(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f22(prompt: String, n: u32) -> Result<String, Failed> {
        f23(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f21(prompt: String, n: u32) -> Result<String, Failed> {
        f22(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f20(prompt: String, n: u32) -> Result<String, Failed> {
        f21(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f19(prompt: String, n: u32) -> Result<String, Failed> {
        f20(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f18(prompt: String, n: u32) -> Result<String, Failed> {
        f19(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f17(prompt: String, n: u32) -> Result<String, Failed> {
        f18(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f16(prompt: String, n: u32) -> Result<String, Failed> {
        f17(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f15(prompt: String, n: u32) -> Result<String, Failed> {
        f16(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f14(prompt: String, n: u32) -> Result<String, Failed> {
        f15(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f13(prompt: String, n: u32) -> Result<String, Failed> {
        f14(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f12(prompt: String, n: u32) -> Result<String, Failed> {
        f13(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f11(prompt: String, n: u32) -> Result<String, Failed> {
        f12(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f10(prompt: String, n: u32) -> Result<String, Failed> {
        f11(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f9(prompt: String, n: u32) -> Result<String, Failed> {
        f10(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f8(prompt: String, n: u32) -> Result<String, Failed> {
        f9(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f7(prompt: String, n: u32) -> Result<String, Failed> {
        f8(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f6(prompt: String, n: u32) -> Result<String, Failed> {
        f7(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f5(prompt: String, n: u32) -> Result<String, Failed> {
        f6(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f4(prompt: String, n: u32) -> Result<String, Failed> {
        f5(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f3(prompt: String, n: u32) -> Result<String, Failed> {
        f4(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f2(prompt: String, n: u32) -> Result<String, Failed> {
        f3(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f1(prompt: String, n: u32) -> Result<String, Failed> {
        f2(prompt, n + 1).await
    }

    #[cekura::span]
    pub async fn f0(prompt: String, n: u32) -> Result<String, Failed> {
        f1(prompt, n + 1).await
    }

}

fn send<T: Send>(_: T) {}

pub fn sent() {
    send(plain::f0(1));
    send(full::f0(String::new(), 1));
}
