//! Prints the current code of `GitHub:ada`.
#![allow(clippy::print_stdout, reason = "the example of the README")]

use oathd_client::{Client, Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = Client::system().await?;
    let token = client.find_token("").await?;
    println!("{}", token.code("GitHub:ada", false).await?.code);
    Ok(())
}
