//! With `--idle-exit` the service ends when it has had nothing to do for so long, and not while a
//! message takes longer than that. Not shown: how long it waits.

use crate::world::{Client, World};

#[tokio::test]
async fn it_ends_by_itself_after_its_last_message() {
    let world = World::new();
    let address = format!("unix:path={}", world.path("bus").display());
    let options = ["--bus", &*address, "--idle-exit", "1"];
    let service = world.start(&world.hook("exec sleep 2"), &options).await;
    let mut client = Client::new(world.connect().await).await;
    let id = client.send("command", "x").await.unwrap();
    assert_eq!(client.next(&id).await, "sent");
    assert!(service.ended().await.success());
    let gone = client.state(&id).await.unwrap_err();
    assert!(gone.contains("ServiceUnknown"), "{gone}");
}
