//! Who may ask, and how much.

use super::server::{Dev, send};
use super::{GZIP, JSON, PROTOBUF, gzip, judges, spans};
use prost::Message;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;

#[test]
fn web_pages_of_others_read_and_write_nothing() {
    let dev = Dev::start("guard", &[]);
    let port = dev.http.port();
    let other = if port == u16::MAX { 1 } else { port + 1 };
    let body = spans::request("any", vec![spans::span(3, 1, 0, "stt", &[])]).encode_to_vec();
    let host = |name: &str| format!("Host: {name}");
    for name in [
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost:{other}"),
        "localhost".to_owned(),
        String::new(),
        format!("localhost:{port}@evil.example:{port}"),
        format!("127.0.0.2:{port}"),
    ] {
        for (method, path) in [("POST", "/v1/traces"), ("GET", "/observability/v1/call-logs/"), ("GET", "/")]
        {
            let (status, answer) = dev.ask(method, path, &[&host(&name), PROTOBUF], &body);
            assert!(matches!(status, 400 | 403), "{name} {path}: {status} {answer}");
        }
    }
    // Two names in one request.
    let two = [host(&format!("localhost:{port}")), host(&format!("evil.example:{port}"))];
    assert!(matches!(dev.ask("POST", "/v1/traces", &[&two[0], &two[1], PROTOBUF], &body).0, 400 | 403));
    let absolute = format!("http://evil.example:{port}/v1/traces");
    assert!(matches!(dev.ask("POST", &absolute, &[&two[0], PROTOBUF], &body).0, 400 | 403));
    for origin in [
        "https://evil.example",
        "null",
        &format!("http://evil.example:{port}"),
        &format!("http://localhost:{other}"),
    ] {
        let origin = format!("Origin: {origin}");
        for (path, kind) in [("/v1/traces", PROTOBUF), ("/observability/v1/observe/", JSON)] {
            assert_eq!(dev.ask("POST", path, &[&origin, kind], &body).0, 403, "{origin} {path}");
        }
        assert!(
            !dev.ask("OPTIONS", "/v1/traces", &[&origin, "Access-Control-Request-Method: POST"], &[])
                .1
                .contains("allow-origin")
        );
    }
    assert_eq!(dev.stored("SELECT count(*) FROM calls"), 0);
    for name in [
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        format!("127.0.0.1:{port}"),
        format!("[::1]:{port}"),
    ] {
        assert_eq!(dev.ask("POST", "/v1/traces", &[&host(&name), PROTOBUF], &body).0, 200, "{name}");
    }
}

#[test]
fn both_addresses_of_this_machine_are_heard_and_no_other() {
    let dev = Dev::start("addresses", &[]);
    let port = dev.http.port();
    let v6 = std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port));
    if TcpListener::bind("[::1]:0").is_ok() {
        let host = format!("Host: [::1]:{port}");
        assert_eq!(send(v6, "GET", "/observability/v1/call-logs/", &[&host], &[]).0, 200);
    }
    // The ports are free on every other address of this machine.
    assert!(TcpListener::bind(("127.0.0.2", port)).is_ok());
}

#[test]
fn a_body_has_a_bound_also_when_it_is_unpacked() {
    let dev = Dev::start("bodies", &[]);
    let bomb = gzip(&vec![0; 80 << 20]);
    let (status, answer) = dev.ask("POST", "/v1/traces", &[PROTOBUF, GZIP], &bomb);
    assert!(status == 400 && answer.contains("when it is unpacked"), "{status} {answer}");
    let large = vec![b' '; 17 << 20];
    for (path, kind) in [("/v1/traces", PROTOBUF), ("/observability/v1/observe/", JSON)] {
        assert_eq!(dev.ask("POST", path, &[kind], &large).0, 413, "{path}");
    }
    let deep = format!("{{\"call_id\":\"a\",\"metadata\":{}1{}}}", "{\"a\":".repeat(5000), "}".repeat(5000));
    assert_eq!(dev.ask("POST", "/observability/v1/observe/", &[JSON], deep.as_bytes()).0, 400);
    assert_eq!(dev.ask("GET", &format!("/{}", "x".repeat(200_000)), &[], &[]).0 / 100, 4);
    // It is still there.
    assert_eq!(dev.ask("GET", "/observability/v1/call-logs/", &[], &[]).0, 200);
}

#[test]
fn only_this_user_reads_its_files() {
    let dev = Dev::start("files", &[]);
    let body = spans::request("any", vec![spans::span(3, 1, 0, "stt", &[])]).encode_to_vec();
    assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &body).0, 200);
    assert_eq!(fs::metadata(&dev.data).unwrap().mode() & 0o777, 0o700);
    let mut names = Vec::new();
    for file in fs::read_dir(&dev.data).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "{:?}", file.file_name());
        names.push(file.file_name().into_string().unwrap());
    }
    assert!(names.contains(&"calls.sqlite-wal".to_owned()), "{names:?}");
}

#[test]
fn what_cannot_begin_says_why() {
    let dev = Dev::start("first", &[]);
    let port = dev.http.port().to_string();
    let folder = judges::folder("dev-refused");
    fs::create_dir(folder.join("broken")).unwrap();
    fs::write(folder.join("broken/calls.sqlite"), "this is no database, and long enough to be seen as none")
        .unwrap();
    let broken = folder.join("broken").to_str().unwrap().to_owned();
    let cases: [(&[&str], &str); 12] = [
        (&["--port", &port], "cannot be had"),
        (&["--port", "70000"], "--port is to be a port"),
        (&["--port", "5", "--grpc-port", "5"], "are the same"),
        (&["--check", "--check"], "--check is given twice"),
        (&["--check=yes"], "takes no value"),
        (&["--data"], "--data needs a value"),
        (&["--keep-content", "7"], "7d, 12h or 30m"),
        (&["--keep-content", "7w"], "7d, 12h or 30m"),
        (&["--keep-content", "☎"], "7d, 12h or 30m"),
        (&["--prot", "1"], "there is no option `--prot`"),
        (&["--port", "0", "--grpc-port", "0", "--data", "/proc/none"], "/proc/none cannot be used"),
        (&["--port", "0", "--grpc-port", "0", "--data", &broken], "Choose another folder with --data"),
    ];
    for (options, words) in cases {
        let output = judges::cekura(&[&["dev"], options].concat());
        let text = judges::text(&output);
        assert!(output.status.code() == Some(2) && text.contains(words), "{options:?}: {text}");
    }
}
