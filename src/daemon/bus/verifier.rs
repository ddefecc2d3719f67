//! `org.oathd.Oathd1.Verifier`. Nothing here asks polkit, which may itself stand behind it.

use std::sync::Arc;

use oathd_api::wire::verifier::{
    ApiKeyRecord, BoundRecord, DeliveryStateRecord, PresenceOptions, ReceiptRecord, SentRecord,
    SessionRecord, StatusRecord, VerifyOptions,
};
use zbus::{Fd, interface, message::Header};

use crate::{error::Error, service::Service};

/// The verifier's object.
pub(crate) struct Verifier {
    service: Arc<Service>,
}

impl Verifier {
    pub(super) fn new(service: &Arc<Service>) -> Verifier {
        Verifier {
            service: Arc::clone(service),
        }
    }
}

#[interface(name = "org.oathd.Oathd1.Verifier", introspection_docs = false)]
impl Verifier {
    #[zbus(out_args("receipt"))]
    async fn verify(
        &self,
        account: &str,
        response: &str,
        options: VerifyOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<ReceiptRecord, Error> {
        let call = self.service.identify(&header).await?;
        self.service.verify(&call, account, response, options).await
    }

    #[zbus(out_args("receipt"))]
    async fn verify_presence(
        &self,
        account: &str,
        options: PresenceOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<ReceiptRecord, Error> {
        let call = self.service.identify(&header).await?;
        let verified = self.service.verify_presence(&call, account, options);
        self.service.attend(&call, verified).await
    }

    #[zbus(out_args("status"))]
    async fn status(
        &self,
        account: &str,
        options: VerifyOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<StatusRecord, Error> {
        let call = self.service.identify(&header).await?;
        self.service.status(&call, account, options).await
    }

    #[zbus(out_args("sent"))]
    async fn request_out_of_band_code(
        &self,
        account: &str,
        channel: u32,
        options: VerifyOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<SentRecord, Error> {
        let call = self.service.identify(&header).await?;
        self.service
            .send_login_code(&call, account, channel, options)
            .await
    }

    #[zbus(out_args("state"))]
    async fn delivery_state(
        &self,
        delivery: &str,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<DeliveryStateRecord, Error> {
        let call = self.service.identify(&header).await?;
        self.service.delivery_state(&call, delivery).await
    }

    #[zbus(out_args("result"))]
    async fn check_receipt(
        &self,
        account: &str,
        receipt: &str,
        options: VerifyOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<ReceiptRecord, Error> {
        let call = self.service.identify(&header).await?;
        self.service
            .check_receipt(&call, account, receipt, options)
            .await
    }

    #[zbus(out_args("result"))]
    async fn bind_session(
        &self,
        account: &str,
        receipt: &str,
        session: &str,
        options: VerifyOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<BoundRecord, Error> {
        let call = self.service.identify(&header).await?;
        self.service
            .bind_session(&call, account, (receipt, session), options)
            .await
    }

    #[zbus(out_args("session"))]
    async fn check_session(
        &self,
        account: &str,
        token: Fd<'_>,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<SessionRecord, Error> {
        let call = self.service.identify(&header).await?;
        self.service.check_session(&call, account, &token).await
    }

    #[zbus(out_args("result"))]
    async fn check_api_key(
        &self,
        account: &str,
        key: Fd<'_>,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<ApiKeyRecord, Error> {
        let call = self.service.identify(&header).await?;
        self.service.check_api_key(&call, account, &key).await
    }
}
