//! A websocket that two processes share: one reads, an abstract process writes what it is told.
use lunatic::ap::{Config, ProcessRef};
use lunatic::{abstract_process, AbstractProcess, Mailbox, Process};
use submillisecond::websocket::{Message, SplitSink, SplitStream, WebSocket, WebSocketConnection, WebSocketUpgrade};
use submillisecond::{router, Application};

struct Writer {
    sink: SplitSink,
}

fn read((mut stream, writer): (SplitStream, ProcessRef<Writer>), _: Mailbox<()>) {
    loop {
        match stream.read_message() {
            Ok(Message::Text(text)) if text == "fail" => panic!("as you wish"),
            Ok(Message::Text(text)) => writer.say(text.to_uppercase()),
            Ok(Message::Binary(bytes)) => writer.say(format!("{} bytes", bytes.len())),
            Ok(Message::Close(_)) | Err(_) => break,
            Ok(_) => {}
        }
    }
    writer.shutdown();
}

#[abstract_process]
impl Writer {
    #[init]
    fn init(this: Config<Self>, connection: WebSocketConnection) -> Result<Self, ()> {
        let (sink, stream) = connection.split();
        Process::spawn_link((stream, this.self_ref()), read);
        Ok(Writer { sink })
    }

    #[handle_message]
    fn say(&mut self, text: String) {
        let _ = self.sink.write_message(Message::text(text));
    }
}

fn websocket(socket: WebSocket) -> WebSocketUpgrade {
    socket.on_upgrade((), |connection, _| {
        Writer::link().start(connection).unwrap();
    })
}

fn main() -> std::io::Result<()> {
    Application::new(router! {
        GET "/" => websocket
    })
    .serve("127.0.0.1:0")
}
