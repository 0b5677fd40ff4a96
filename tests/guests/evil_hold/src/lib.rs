//! Makes the host hold more and more, by what the input names, and keeps all of it.

use std::mem::forget;
use wasip2::cli::stdout::get_stdout;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, OutgoingResponse, RequestOptions, Scheme};
use wasip2::sockets::instance_network::instance_network;

kit::policy!(run);

#[link(wasm_import_module = "tollgate:timer/timer@0.1.0")]
unsafe extern "C" {
    #[link_name = "[async-lower]sleep"]
    fn sleep(ms: u64) -> u32;
}

#[link(wasm_import_module = "tollgate:tools/tools@0.1.0")]
unsafe extern "C" {
    #[link_name = "[async-lower]call-tool"]
    fn call_tool(arguments: *const Texts, result: *mut u64) -> u32;
}

#[link(wasm_import_module = "tollgate:tools/tools-blocking@0.1.0")]
unsafe extern "C" {
    #[link_name = "call-tools"]
    fn call_tools(calls: *const Texts, count: usize, result: *mut u64);
}

/// Three texts as the component model passes them: server, tool, arguments.
#[repr(C)]
#[derive(Clone, Copy)]
struct Texts([usize; 6]);

fn texts(arguments: &str) -> Texts {
    call_of(["slow", "never"], arguments)
}

fn call_of(names: [&'static str; 2], arguments: &str) -> Texts {
    let [server, tool] = names.map(|text| [text.as_ptr() as usize, text.len()]);
    Texts([server[0], server[1], tool[0], tool[1], arguments.as_ptr() as usize, arguments.len()])
}

async fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let what = input.as_str().expect("the input is a text");
    let large = "x".repeat(3 << 20);
    loop {
        match what {
            "fields" => forget(fields()),
            "fields of a list" => {
                let header = |n| (format!("x-{n}"), vec![b'v'; 4_000]);
                forget(Fields::from_list(&(0..28).map(header).collect::<Vec<_>>()));
            }
            "copies of fields" => {
                let one = fields();
                loop {
                    forget(one.clone());
                }
            }
            "fields of requests" => {
                let request = OutgoingRequest::new(fields());
                forget(request.headers());
            }
            "requests" => forget(OutgoingRequest::new(Fields::new())),
            "methods" => {
                let request = OutgoingRequest::new(Fields::new());
                request.set_method(&Method::Other(large.clone())).expect("a method is a word");
                forget(request);
            }
            "paths" => {
                let request = OutgoingRequest::new(Fields::new());
                request.set_path_with_query(Some(&format!("/{}", &large[..60_000]))).expect("a path may be long");
                forget(request);
            }
            "bodies" => forget(body(&OutgoingRequest::new(Fields::new()))),
            "bodies that are written" => {
                let request = OutgoingRequest::new(Fields::new());
                forget(body(&request));
                forget(request);
            }
            "trailers" => {
                let request = OutgoingRequest::new(Fields::new());
                let body = request.body().expect("it has one");
                OutgoingBody::finish(body, Some(fields())).expect("it ends");
                forget(request);
            }
            "requests under way" => {
                let request = OutgoingRequest::new(fields());
                request.set_scheme(Some(&Scheme::Http)).expect("there is http");
                request.set_authority(Some("127.0.0.1:9")).expect("it is an address");
                request.set_path_with_query(Some("/")).expect("it is a path");
                forget(handle(request, Some(RequestOptions::new())).expect("it is sent"));
            }
            "options" => forget(RequestOptions::new()),
            "responses" => {
                let response = OutgoingResponse::new(fields());
                forget(response.body());
                forget(response);
            }
            "pollables" => forget(subscribe_duration(u64::MAX)),
            "streams" => forget(get_stdout()),
            "pollables of a stream" => {
                let stream = get_stdout();
                forget(stream.subscribe());
                forget(stream);
            }
            "networks" => forget(instance_network()),
            "timers" => {
                // SAFETY: as the component model has it: a number in, a number out.
                std::hint::black_box(unsafe { sleep(u64::MAX) });
            }
            "arguments" => {
                let texts = texts(&large);
                let result = Box::leak(Box::new([0; 64]));
                // SAFETY: the texts live until the end of the run, and the place for the result is never looked at.
                std::hint::black_box(unsafe { call_tool(&texts, result.as_mut_ptr()) });
            }
            // Of which none is ever taken.
            "answers" => {
                let texts = call_of(["large", "echo"], "{}");
                for _ in 0..200 {
                    // SAFETY: as above.
                    unsafe { call_tool(&texts, Box::leak(Box::new([0; 64])).as_mut_ptr()) };
                }
                loop {
                    std::hint::black_box(());
                }
            }
            "a batch of one text" => {
                let texts = [texts(&large); 1_000];
                // SAFETY: as above.
                unsafe { call_tools(texts.as_ptr(), texts.len(), Box::leak(Box::new([0; 64])).as_mut_ptr()) };
            }
            other => panic!("it does not know how to hold {other}"),
        }
    }
}

/// 112 kB of headers.
fn fields() -> Fields {
    let fields = Fields::new();
    for n in 0..28 {
        fields.append(&format!("x-{n}"), &[b'v'; 4_000]).expect("there is room");
    }
    fields
}

/// A body of which two chunks wait to be sent.
fn body(request: &OutgoingRequest) -> impl Sized + use<> {
    let body = request.body().expect("it has one");
    let stream = body.write().expect("it has one");
    while let Ok(room @ 1..) = stream.check_write() {
        stream.write(&vec![0; room as usize]).expect("there is room");
    }
    (stream, body)
}
