//! How many allocations a call needs, whatever the machine.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use allocation_counter::measure;

use super::tests::client;

/// Calls before and while allocations are counted.
const CALLS: (usize, usize) = (8, 32);

/// Responds to every request on one connection with a body of so many bytes until the client disconnects.
fn serve(body_bytes: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Content-Type: application/json\r\nContent-Length: {body_bytes}\r\n\r\n"
        );
        let response = [head.into_bytes(), vec![b' '; body_bytes]].concat();
        let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            request.extend_from_slice(&buffer[..count]);
            if request.ends_with(b"{}") {
                request.clear();
                if stream.write_all(&response).is_err() {
                    return;
                }
            }
        }
    });
    base_url
}

fn allocations_of_a_call(body_bytes: usize) -> u64 {
    let client = client(serve(body_bytes), None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let calls = |count: usize| {
        runtime.block_on(async {
            for _ in 0..count {
                let result = client.fetch("{}".to_owned(), 99, ()).await;
                assert_eq!(result.body.unwrap().len(), body_bytes);
            }
        });
    };
    calls(CALLS.0);
    measure(|| calls(CALLS.1)).count_total / CALLS.1 as u64
}

/// Of URL, headers, request and response, most of them in the HTTP client; a body is read into a buffer that is used again.
/// 53 were measured for both.
#[test]
fn a_call_needs_few_allocations_however_large_its_body_is() {
    for body_bytes in [100, 45_000] {
        let allocations = allocations_of_a_call(body_bytes);
        assert!(allocations > 5, "the counter does not count: {allocations}");
        assert!(allocations <= 58, "{allocations} for a body of {body_bytes} bytes");
    }
}
