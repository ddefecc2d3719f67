//! News of a message go to the connection that sent it, after the answer that names the message,
//! and to nobody else; anybody who may call can ask.

use crate::world::{Client, World};

#[tokio::test]
async fn news_go_to_the_sender_after_its_answer() {
    let world = World::new();
    let out = world.path("out");
    let service = world
        .service(&format!("[file]\npath = '{}'\n", out.display()))
        .await;
    let mut sender = Client::new(world.connect().await).await;
    let mut other = Client::new(world.connect().await).await;
    let mut ids = Vec::new();
    for n in 0..50 {
        let id = sender.send("file", &n.to_string()).await.unwrap();
        // The next signal is about a message whose id is known by now.
        assert_eq!(sender.next(&id).await, "sent");
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 50);
    assert_eq!(other.state(&ids[0]).await.unwrap().state, "sent");
    assert_eq!((sender.unread().await, other.unread().await), (0, 0));
    let lines = std::fs::read_to_string(out).unwrap();
    assert_eq!(lines.lines().count(), 50);
    service.stop().await;
}

#[tokio::test]
async fn what_is_over_is_remembered_within_bounds() {
    let world = World::new();
    let out = world.path("out");
    let service = world
        .service(&format!("[file]\npath = '{}'\n", out.display()))
        .await;
    let mut client = Client::new(world.connect().await).await;
    let mut ids = Vec::new();
    for _ in 0..257 {
        let id = client.send("file", "x").await.unwrap();
        client.next(&id).await;
        ids.push(id);
    }
    // The last one is over once another has been taken and told.
    assert!(
        client
            .state(&ids[0])
            .await
            .unwrap_err()
            .contains("UnknownObject")
    );
    for id in &ids[1..] {
        assert_eq!(client.state(id).await.unwrap().state, "sent");
    }
    service.stop().await;
}
