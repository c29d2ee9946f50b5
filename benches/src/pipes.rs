//! The kernel's own ways from process to process, and two libraries that wait: a byte stream, a socket, a
//! message queue, ipc-channel, Boost.Interprocess.

use crate::process::Board;
use crate::wake::woken;
use std::ffi::CString;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

fn receive(stream: &mut impl Read) -> u64 {
    let mut bytes = [0; 8];
    stream
        .read_exact(&mut bytes)
        .expect("the other end is open");
    u64::from_ne_bytes(bytes)
}

fn send(stream: &mut impl Write, number: u64) {
    stream
        .write_all(&number.to_ne_bytes())
        .expect("the other end is open");
}

pub fn woken_by_pipe(board: &'static Board) -> impl FnMut(u64) -> [f64; 4] {
    move |n| {
        let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
        woken(
            board,
            n,
            || move || receive(&mut reader),
            |number| send(&mut writer, number),
        )
    }
}

pub fn woken_by_socket(board: &'static Board) -> impl FnMut(u64) -> [f64; 4] {
    move |n| {
        let (mut reader, mut writer) = UnixStream::pair().expect("two sockets");
        woken(
            board,
            n,
            || move || receive(&mut reader),
            |number| send(&mut writer, number),
        )
    }
}

/// A message queue of the kernel's, without its name as soon as it is open.
struct Mailbox(libc::mqd_t);

impl Mailbox {
    fn new() -> Self {
        let name = CString::new(format!("/bench-mq-{}", std::process::id())).expect("no NUL");
        // SAFETY: all-zero is a valid set of attributes.
        let mut attributes: libc::mq_attr = unsafe { core::mem::zeroed() };
        attributes.mq_maxmsg = 10;
        attributes.mq_msgsize = 8;
        let flags = libc::O_CREAT | libc::O_EXCL | libc::O_RDWR;
        // SAFETY: a string with its NUL, and live attributes.
        let queue = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw const attributes) };
        assert!(queue >= 0, "no message queue");
        // SAFETY: a string with its NUL.
        unsafe { libc::mq_unlink(name.as_ptr()) };
        Self(queue)
    }

    fn send(&self, number: u64) {
        let bytes = number.to_ne_bytes();
        // SAFETY: eight live bytes.
        let sent = unsafe { libc::mq_send(self.0, bytes.as_ptr().cast(), bytes.len(), 0) };
        assert_eq!(sent, 0);
    }

    fn receive(&self) -> u64 {
        let mut bytes = [0_u8; 8];
        let (place, room) = (bytes.as_mut_ptr().cast(), bytes.len());
        // SAFETY: room for a message; nobody asks for its priority.
        let got = unsafe { libc::mq_receive(self.0, place, room, core::ptr::null_mut()) };
        assert_eq!(got, 8);
        u64::from_ne_bytes(bytes)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        // SAFETY: an open queue of our own.
        unsafe { libc::mq_close(self.0) };
    }
}

pub fn woken_by_mq(board: &'static Board) -> impl FnMut(u64) -> [f64; 4] {
    move |n| {
        let mailbox = &Mailbox::new();
        woken(
            board,
            n,
            || || mailbox.receive(),
            |number| mailbox.send(number),
        )
    }
}

#[cfg(feature = "ipc-channel")]
pub fn woken_by_ipc_channel(board: &'static Board) -> impl FnMut(u64) -> [f64; 4] {
    move |n| {
        let (sender, receiver) = ipc_channel::ipc::channel::<u64>().expect("a channel");
        let receive = || move || receiver.recv().expect("the other end is open");
        woken(board, n, receive, |number| {
            sender.send(number).expect("the other end is open")
        })
    }
}

#[cfg(boost)]
pub fn woken_by_boost(board: &'static Board) -> impl FnMut(u64) -> [f64; 4] {
    move |n| {
        let name = format!("bench-boost-{}", std::process::id());
        let queue = crate::boost::Messages::create(&name, 8);
        let receiver = || {
            let theirs = crate::boost::Messages::open(&name);
            move || theirs.receive()
        };
        woken(board, n, receiver, |number: u64| queue.send(&number))
    }
}
