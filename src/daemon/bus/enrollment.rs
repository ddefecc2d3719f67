//! `org.oathd.Oathd1.Enrollment`: the objects of enrollments under way.

use std::sync::Arc;

use oathd_api::{
    ErrorName,
    wire::enrollment::{ConfirmOptions, ConfirmedRecord, EnrollmentRecord, WriteOptions},
};
use zbus::{OwnedFd, OwnedObjectPath, interface, message::Header};

use super::{few_enough, manager::to_write};
use crate::{
    accounts::{Enrollment, read_options},
    error::Error,
    service::{Call, Options, Service, no_options},
};

/// An enrollment's object.
pub(crate) struct EnrollmentInterface {
    service: Arc<Service>,
    enrollment: Arc<Enrollment>,
}

impl EnrollmentInterface {
    pub(super) fn new(service: &Arc<Service>, enrollment: &Arc<Enrollment>) -> EnrollmentInterface {
        EnrollmentInterface {
            service: Arc::clone(service),
            enrollment: Arc::clone(enrollment),
        }
    }

    /// The call of the connection that began the enrollment, and of no other.
    async fn enter(&self, header: &Header<'_>) -> Result<Call, Error> {
        let call = self.service.identify(header).await?;
        match call.caller.unique_name == self.enrollment.caller.unique_name {
            true => Ok(call),
            false => Err(Error::new(ErrorName::NotAuthorized)),
        }
    }
}

#[interface(name = "org.oathd.Oathd1.Enrollment", introspection_docs = false)]
impl EnrollmentInterface {
    #[zbus(out_args("description"))]
    async fn describe(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<EnrollmentRecord, Error> {
        no_options(&options)?;
        self.enter(&header).await?;
        self.enrollment.describe(&self.service).await
    }

    async fn write(
        &self,
        tokens: Vec<OwnedObjectPath>,
        options: WriteOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let (role, writing) = read_options(&options)?;
        let call = self.enter(&header).await?;
        few_enough(&tokens)?;
        let objects = self.service.at_paths(&tokens).await?;
        let written = async {
            for object in &objects {
                let token = Some(&object.token);
                let action = to_write(writing);
                self.service.authorize(&call, action, token).await?;
            }
            let slots = (role, writing);
            let service = &self.service;
            service
                .write_slots(&call, &self.enrollment, objects.clone(), slots)
                .await
        };
        self.service.attend(&call, written).await
    }

    #[zbus(out_args("uri"))]
    async fn reveal(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        no_options(&options)?;
        self.enter(&header).await?;
        self.enrollment.reveal(&self.service).await
    }

    #[zbus(out_args("result"))]
    async fn confirm(
        &self,
        code: &str,
        options: ConfirmOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<ConfirmedRecord, Error> {
        let call = self.enter(&header).await?;
        let service = &self.service;
        service
            .confirm_enrollment(&call, &self.enrollment, code, options)
            .await
    }

    async fn cancel(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let call = self.enter(&header).await?;
        let enrollment = Arc::clone(&self.enrollment);
        self.service
            .carry_through(&call, |service, _| async move {
                service.end_enrollment(&enrollment).await;
                Ok(())
            })
            .await
    }
}
