//! No more messages of a kind are under way than the settings allow; a message whose time runs out
//! makes room, and a kind that is stuck takes the room of no other.

use oathd_api::wire::deliver::SendOptions;

use crate::world::{Client, World, sealed};

#[tokio::test]
async fn one_too_many_is_refused_until_another_is_over() {
    let world = World::new();
    let settings = format!(
        "queue = 5\nattempt_seconds = 120\n{}[file]\npath = \"{}\"\n",
        world.hook("exec sleep 1000"),
        world.path("out").display()
    );
    let service = world.service(&settings).await;
    let mut client = Client::new(world.connect().await).await;
    let message = sealed(b"4711");
    let send = async |client: &Client, seconds: u32| {
        let options = SendOptions {
            keep_seconds: Some(seconds),
            ..SendOptions::default()
        };
        client.send_fd("command", "x", &message, options).await
    };
    // Four attempts run at once; the fifth message waits for its turn until its time is over.
    for _ in 0..4 {
        send(&client, 3600).await.unwrap();
    }
    let fifth = send(&client, 1).await.unwrap();
    let refused = send(&client, 60).await.unwrap_err();
    assert!(
        refused.starts_with("org.freedesktop.DBus.Error.LimitsExceeded"),
        "{refused}"
    );
    assert_eq!(client.next(&fifth).await, "failed expired");
    assert_eq!(client.state(&fifth).await.unwrap().attempts, 0);
    send(&client, 60).await.unwrap();
    assert!(send(&client, 60).await.is_err());
    let other = client.send("file", "x").await.unwrap();
    assert_eq!(client.next(&other).await, "sent");
    service.stop().await;
}
