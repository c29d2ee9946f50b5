//! iceoryx2: publish/subscribe between two processes, and its blackboard.

#[cfg(not(feature = "iceoryx2"))]
pub trait Payload {}
#[cfg(not(feature = "iceoryx2"))]
impl<T> Payload for T {}

#[cfg(feature = "iceoryx2")]
pub use with_iceoryx::{Board, Payload, Topics};

#[cfg(feature = "iceoryx2")]
mod with_iceoryx {
    use crate::latency::{Link, Message, Pair};
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
    use iceoryx2::port::publisher::Publisher;
    use iceoryx2::port::reader::{EntryHandle, Reader};
    use iceoryx2::port::subscriber::Subscriber;
    use iceoryx2::port::writer::{EntryHandleMut, Writer};
    use iceoryx2::prelude::*;
    use iceoryx2::service::port_factory::blackboard;

    /// What may travel.
    pub trait Payload: core::fmt::Debug + ZeroCopySend {}
    impl<T: core::fmt::Debug + ZeroCopySend> Payload for T {}

    type Service = ipc::Service;
    type Topic<T> = iceoryx2::service::port_factory::publish_subscribe::PortFactory<Service, T, ()>;

    /// Names that nobody had before.
    fn fresh(what: &str) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        format!("bench/{what}/{}/{number}", std::process::id())
    }

    fn node() -> Node<Service> {
        set_log_level(LogLevel::Error);
        NodeBuilder::new().create().expect("a node")
    }

    /// A topic for each direction.
    pub struct Topics<T: Message> {
        names: [String; 2],
        _node: Node<Service>,
        topics: [Topic<T>; 2],
    }

    /// A topic to publish in and one to read.
    pub struct TopicEnds<T: Message> {
        out: Publisher<Service, T, ()>,
        into: Subscriber<Service, T, ()>,
        /// Of the side that opened them for itself.
        _own: Option<(Node<Service>, [Topic<T>; 2])>,
    }

    fn topics<T: Message>(node: &Node<Service>, names: &[String; 2]) -> [Topic<T>; 2] {
        names.each_ref().map(|name| {
            let name = name.as_str().try_into().expect("a good name");
            // a full queue blocks, as it does for the others
            let builder = node.service_builder(&name).publish_subscribe::<T>();
            let builder = builder.enable_safe_overflow(false).history_size(0);
            let builder = builder.max_publishers(1).max_subscribers(1);
            let builder = builder.subscriber_max_buffer_size(64);
            builder.open_or_create().expect("a topic")
        })
    }

    fn ends<T: Message>(
        out: &Topic<T>,
        into: &Topic<T>,
    ) -> (Publisher<Service, T, ()>, Subscriber<Service, T, ()>) {
        let publisher = out.publisher_builder();
        let publisher = publisher.backpressure_strategy(BackpressureStrategy::RetryUntilDelivered);
        (
            publisher.create().expect("a publisher"),
            into.subscriber_builder().create().expect("a subscriber"),
        )
    }

    impl<T: Message> Pair<T> for Topics<T> {
        type Link = TopicEnds<T>;

        fn new() -> Self {
            let names = ["there", "back"].map(fresh);
            let node = node();
            let topics = topics(&node, &names);
            Self {
                names,
                _node: node,
                topics,
            }
        }

        fn first(&self) -> TopicEnds<T> {
            let [there, back] = &self.topics;
            let (out, into) = ends(there, back);
            TopicEnds {
                out,
                into,
                _own: None,
            }
        }

        fn second(&self) -> TopicEnds<T> {
            let node = node();
            let topics = topics(&node, &self.names);
            let [there, back] = &topics;
            let (out, into) = ends(back, there);
            TopicEnds {
                out,
                into,
                _own: Some((node, topics)),
            }
        }
    }

    impl<T: Message> Link<T> for TopicEnds<T> {
        #[inline]
        fn send(&mut self, number: u64) {
            let sample = self.out.loan_uninit().expect("a sample");
            let receivers = sample.write_payload(T::of(number)).send();
            assert_eq!(receivers.expect("room"), 1);
        }

        #[inline]
        fn receive(&mut self) -> Option<u64> {
            let sample = self.into.receive().expect("a connection")?;
            Some(sample.payload().number())
        }
    }

    /// The latest value: one entry of a blackboard, one who writes it and one who reads it.
    pub struct Board<T: Payload + Copy + Send + Sync + 'static> {
        pub reader: EntryHandle<Service, u64, T>,
        pub writer: EntryHandleMut<Service, u64, T>,
        _ports: (Reader<Service, u64>, Writer<Service, u64>),
        _factory: blackboard::PortFactory<Service, u64>,
        _node: Node<Service>,
    }

    impl<T: Payload + Copy + Send + Sync + 'static> Board<T> {
        pub fn new(value: T) -> Self {
            let node = node();
            let name = fresh("board");
            let name = name.as_str().try_into().expect("a good name");
            let builder = node.service_builder(&name).blackboard_creator::<u64>();
            let factory = builder.add::<T>(0, value).create().expect("a blackboard");
            let reader = factory.reader_builder().create().expect("a reader");
            let writer = factory.writer_builder().create().expect("a writer");
            Self {
                reader: reader.entry::<T>(&0).expect("the entry"),
                writer: writer.entry::<T>(&0).expect("the entry"),
                _ports: (reader, writer),
                _factory: factory,
                _node: node,
            }
        }
    }
}
