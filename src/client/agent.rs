//! Answering for the user: what oathd asks of a program that has a screen.

use oathd_api::wire::AgentRequest;
use zbus::message::Header;
use zbus::{ObjectPath, OwnedFd, fdo, interface};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::error::Error;
use crate::secret::seal;

/// Where the agent is exported.
const PATH: &str = "/org/oathd/Agent";

/// What oathd asks on behalf of the user's programs.
///
/// Requests come from oathd alone: what others send is refused before it gets here. Several may
/// be open at once; `request` tells them apart.
pub trait Agent: Send + Sync + 'static {
    /// Show that the token blinks, and return at once. `details.deadline` says when it gives up.
    fn request_touch(
        &self,
        request: &str,
        details: AgentRequest,
    ) -> impl Future<Output = ()> + Send;

    /// Ask for the password of a token. `None` if the user declines.
    fn request_password(
        &self,
        request: &str,
        details: AgentRequest,
    ) -> impl Future<Output = Option<Zeroizing<Vec<u8>>>> + Send;

    /// The request is over: `done`, `timed-out`, `removed`, `caller-gone` or `failed`.
    fn cancel_request(&self, request: &str, reason: &str) -> impl Future<Output = ()> + Send;
}

/// An agent that oathd knows of. Dropping it changes nothing; [`AgentRegistration::end`] ends it.
#[derive(Debug)]
pub struct AgentRegistration {
    client: Client,
    remove: fn(&Client) -> Removal<'_>,
}

type Removal<'a> = std::pin::Pin<Box<dyn Future<Output = zbus::Result<bool>> + Send + 'a>>;

impl AgentRegistration {
    pub(crate) async fn begin<A: Agent>(client: Client, agent: A) -> Result<Self, Error> {
        let exported = Exported {
            agent,
            client: client.clone(),
        };
        let refused = client
            .connection()
            .object_server()
            .at(PATH, exported)
            .await?;
        if refused.is_some() {
            return Err(Error::Bus(zbus::Error::NameTaken));
        }
        let registration = Self {
            client,
            remove: remove::<A>,
        };
        match announce(&registration.client, true).await {
            Ok(()) => Ok(registration),
            Err(error) => {
                (registration.remove)(&registration.client).await?;
                Err(error)
            }
        }
    }

    /// Registers the same agent again, for a service that has been restarted.
    ///
    /// # Errors
    /// Those of [`Client::register_agent`].
    pub async fn renew(&self) -> Result<(), Error> {
        announce(&self.client, true).await
    }

    /// Takes the agent back.
    ///
    /// # Errors
    /// [`Error`], when oathd cannot be told.
    pub async fn end(self) -> Result<(), Error> {
        let told = announce(&self.client, false).await;
        (self.remove)(&self.client).await?;
        told
    }
}

fn remove<A: Agent>(client: &Client) -> Removal<'_> {
    Box::pin(async {
        let server = client.connection().object_server();
        server.remove::<Exported<A>, _>(PATH).await
    })
}

async fn announce(client: &Client, here: bool) -> Result<(), Error> {
    let path = ObjectPath::from_static_str(PATH)?;
    client.announce_agent(&path, here).await
}

struct Exported<A> {
    agent: A,
    client: Client,
}

impl<A> Exported<A> {
    /// Refuses everybody but oathd: another program could otherwise have the user asked for a
    /// password, and get it.
    async fn admit(&self, header: &Header<'_>) -> fdo::Result<()> {
        if !self.client.connection().is_bus() {
            return Ok(());
        }
        let sender = header.sender().map(|name| name.as_str());
        match self.client.owner().await {
            Some(owner) if sender == Some(owner.as_str()) => Ok(()),
            _ => Err(fdo::Error::AccessDenied("only oathd may ask".into())),
        }
    }
}

#[interface(name = "org.oathd.Oathd1.Agent")]
impl<A: Agent> Exported<A> {
    async fn request_touch(
        &self,
        request: &str,
        details: AgentRequest,
        #[zbus(header)] header: Header<'_>,
    ) -> fdo::Result<()> {
        self.admit(&header).await?;
        self.agent.request_touch(request, details).await;
        Ok(())
    }

    async fn request_password(
        &self,
        request: &str,
        details: AgentRequest,
        #[zbus(header)] header: Header<'_>,
    ) -> fdo::Result<OwnedFd> {
        self.admit(&header).await?;
        let Some(password) = self.agent.request_password(request, details).await else {
            return Err(fdo::Error::Failed("declined".into()));
        };
        let sealed = seal(&password).map_err(|error| fdo::Error::Failed(error.to_string()))?;
        Ok(OwnedFd::from(sealed))
    }

    async fn cancel_request(
        &self,
        request: &str,
        reason: &str,
        #[zbus(header)] header: Header<'_>,
    ) -> fdo::Result<()> {
        self.admit(&header).await?;
        self.agent.cancel_request(request, reason).await;
        Ok(())
    }
}
