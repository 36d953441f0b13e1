//! A network between a client and a server that cuts, stalls and dawdles.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    task::JoinHandle,
};

/// A connection lets so many bytes through in a direction, at most, before something befalls it.
const BYTES: u64 = 20_000;
/// Longest that bytes are held back.
const DELAY: Duration = Duration::from_millis(20);
/// How long a connection that went silent stays open: nobody is told.
const SILENCE: Duration = Duration::from_secs(2);

/// Hands connections on to a server; it ends with this.
pub struct BadNetwork {
    /// Where clients connect to.
    pub address: String,
    task: JoinHandle<()>,
}

impl BadNetwork {
    /// Starts it in front of the server at `to`, host and port. What befalls its connections comes from
    /// `seed`.
    pub async fn start(to: &str, seed: u64) -> Self {
        let to: SocketAddr = to.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let random = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, to, random.clone()));
            }
        });
        Self { address, task }
    }
}

impl Drop for BadNetwork {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries a connection until either end closes it or its fate is reached in either direction.
async fn carry(client: TcpStream, to: SocketAddr, random: Arc<Mutex<StdRng>>) {
    let Ok(server) = TcpStream::connect(to).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // The first that ends takes the other with it: both ends see the connection broken.
    tokio::select! {
        () = copy(from_client, to_server, random.clone()) => {}
        () = copy(from_server, to_client, random.clone()) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, random: Arc<Mutex<StdRng>>) {
    let mut left = random.lock().unwrap().random_range(0..BYTES);
    let mut buffer = [0; 1_024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let delay = random.lock().unwrap().random_range(0..10);
        if delay == 0 {
            let part = random.lock().unwrap().random_range(0.0..1.0);
            tokio::time::sleep(DELAY.mul_f64(part)).await;
        }
        let through = read.min(usize::try_from(left).unwrap());
        // Cut in the midst of a message, as bytes know nothing of messages.
        if to.write_all(&buffer[..through]).await.is_err() {
            return;
        }
        left -= u64::try_from(through).unwrap();
        if left == 0 {
            let silent = random.lock().unwrap().random_range(0..4) == 0;
            if silent {
                tokio::time::sleep(SILENCE).await;
            }
            return;
        }
    }
}
