//! Tries everything that WASI has to offer and tells what each attempt gave: a value, or `"error: …"`.

use kit::{Value, json};
use std::fmt::Debug;
use std::fs;
use std::io::{IsTerminal, Read};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Instant, SystemTime};
use wasip2::cli::environment;
use wasip2::filesystem::preopens;
use wasip2::sockets::{instance_network, ip_name_lookup, network, tcp, tcp_create_socket, udp_create_socket};

kit::policy!(run);

async fn run(_: String) -> kit::Output {
    let start = Instant::now();
    let mut stdin = String::new();
    let network = instance_network::instance_network();
    let report = json!({
        "environment": environment::get_environment(),
        "arguments": environment::get_arguments(),
        "initial_cwd": environment::initial_cwd(),
        "preopens": preopens::get_directories().into_iter().map(|(_, path)| path).collect::<Vec<_>>(),
        "list_cwd": attempt(fs::read_dir(".").map(Iterator::count)),
        "list_root": attempt(fs::read_dir("/").map(Iterator::count)),
        "read_file": attempt(fs::read_to_string("/etc/passwd")),
        "write_file": attempt(fs::write("/tmp/tollgate-probe", "x")),
        "stdin": attempt(std::io::stdin().read_to_string(&mut stdin).map(|_| stdin)),
        "terminals": [
            std::io::stdin().is_terminal(),
            std::io::stdout().is_terminal(),
            std::io::stderr().is_terminal(),
        ],
        "tcp_connect": attempt(TcpStream::connect("127.0.0.1:9")),
        "tcp_listen": attempt(TcpListener::bind("127.0.0.1:0")),
        "udp_bind": attempt(UdpSocket::bind("127.0.0.1:0")),
        "look_up": attempt("localhost:80".to_socket_addrs().map(|found| found.collect::<Vec<_>>())),
        "raw_tcp_bind": attempt(raw_tcp_bind(&network)),
        "raw_tcp_connect": attempt(raw_tcp_connect(&network)),
        "raw_udp_bind": attempt(raw_udp_bind(&network)),
        "raw_look_up": attempt(ip_name_lookup::resolve_addresses(&network, "localhost").map(|stream| {
            stream.subscribe().block();
            stream.resolve_next_address()
        })),
        "wall_clock_ms": SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(-1, |t| t.as_millis() as i64),
        "monotonic_ns": wasip2::clocks::monotonic_clock::now(),
        "monotonic_resolution_ns": wasip2::clocks::monotonic_clock::resolution(),
        "elapsed_ns": start.elapsed().as_nanos() as u64,
        "random": wasip2::random::random::get_random_bytes(16),
        "insecure_random": wasip2::random::insecure::get_insecure_random_bytes(16),
        "insecure_seed": format!("{:?}", wasip2::random::insecure_seed::insecure_seed()),
    });
    Ok(report.to_string())
}

fn attempt<T: Debug, E: Debug>(result: Result<T, E>) -> Value {
    match result {
        Ok(value) => json!(format!("ok: {value:?}")),
        Err(error) => json!(format!("error: {error:?}")),
    }
}

const LOOPBACK: network::IpSocketAddress =
    network::IpSocketAddress::Ipv4(network::Ipv4SocketAddress { port: 0, address: (127, 0, 0, 1) });

fn raw_tcp_bind(network: &network::Network) -> Result<(), network::ErrorCode> {
    let socket = tcp_create_socket::create_tcp_socket(network::IpAddressFamily::Ipv4)?;
    socket.start_bind(network, LOOPBACK)?;
    socket.subscribe().block();
    socket.finish_bind()
}

fn raw_tcp_connect(network: &network::Network) -> Result<(), network::ErrorCode> {
    let socket: tcp::TcpSocket = tcp_create_socket::create_tcp_socket(network::IpAddressFamily::Ipv4)?;
    let port_9 = network::Ipv4SocketAddress { port: 9, address: (127, 0, 0, 1) };
    socket.start_connect(network, network::IpSocketAddress::Ipv4(port_9))?;
    socket.subscribe().block();
    socket.finish_connect().map(drop)
}

fn raw_udp_bind(network: &network::Network) -> Result<(), network::ErrorCode> {
    let socket = udp_create_socket::create_udp_socket(network::IpAddressFamily::Ipv4)?;
    socket.start_bind(network, LOOPBACK)?;
    socket.subscribe().block();
    socket.finish_bind()
}
