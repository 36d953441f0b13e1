use std::time::Duration;

use herdbook_client::Client;
use herdbook_testkit::wait_until;

use crate::server::{Herdbook, create_run};

#[tokio::test]
async fn the_machine_is_sampled_until_the_sampler_is_dropped() {
    let herdbook = Herdbook::start().await;
    let client = Client::connect(herdbook.options()).unwrap();
    let run = client.run(&create_run(&client).await).unwrap();
    let id = run.id().to_string();
    let sampler = run.sample_system(Duration::from_millis(1)).unwrap();
    let found = wait_until("there are two samples", async || {
        let found = herdbook.points(&id).await;
        let cpu = found.get("system/cpu_percent").map_or(0, Vec::len);
        (cpu >= 2).then_some(found)
    })
    .await;
    let memory = &found["system/process_memory_bytes"];
    assert!(memory.iter().all(|(_, bytes)| *bytes > 1e6), "{memory:?}");
    assert_eq!((memory[0].0, memory[1].0), (0, 1));
    assert!(found.contains_key("system/memory_percent"));
    assert!(found.contains_key("system/network_sent_bytes_per_second"));
    drop(sampler);
    // It does not keep the client from ending.
    client.close(Duration::from_secs(30)).await.unwrap();
}
