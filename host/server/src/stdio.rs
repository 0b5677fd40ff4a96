//! This process's standard streams, without a thread between where that is possible.
//!
//! tokio reads and writes them on threads of its own, because they may be files. A client gives a pipe or a socket, which
//! the event loop can wait for itself: that spares two changes of threads for each message.

use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

/// A stream to read from.
pub type Input = Box<dyn AsyncRead + Send + Unpin>;
/// A stream to write to.
pub type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// Opens stdin and stdout. Needs a tokio runtime.
pub fn open() -> (Input, Output) {
    let input = input().unwrap_or_else(|_| Box::new(tokio::io::stdin()));
    let output = output().unwrap_or_else(|_| Box::new(tokio::io::stdout()));
    (input, output)
}

fn input() -> io::Result<Input> {
    let fd = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(match kind(&fd)? {
        FileType::Fifo => Box::new(pipe::Receiver::from_owned_fd_unchecked(nonblocking(fd)?)?),
        FileType::Socket => Box::new(UnixStream::from_std(nonblocking(fd)?.into())?),
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

fn output() -> io::Result<Output> {
    let fd = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(match kind(&fd)? {
        FileType::Fifo => Box::new(pipe::Sender::from_owned_fd_unchecked(nonblocking(fd)?)?),
        FileType::Socket => Box::new(UnixStream::from_std(nonblocking(fd)?.into())?),
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

fn kind(fd: &OwnedFd) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(fstat(fd)?.st_mode))
}

fn nonblocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    fcntl_setfl(&fd, fcntl_getfl(&fd)? | OFlags::NONBLOCK)?;
    Ok(fd)
}
