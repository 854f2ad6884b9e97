//! Lists, reads and deletes the resources of one kind.

use std::{fmt, marker::PhantomData};

use serde::de::DeserializeOwned;

use super::ResourceSpec;
use crate::{
    Error, Tailnet,
    change::Plan,
    client::{Result, call},
};

/// A kind of resource. Implemented only in this crate, because [`ResourceSpec`] has no public
/// constructor.
pub trait Resource: DeserializeOwned + Send + 'static {
    /// The operations and fields of this kind of resource.
    const SPEC: &'static ResourceSpec;
}

/// A kind of resource that the API can list for the entire tailnet.
pub trait Listed: Resource {}

/// The resources of one kind in a tailnet, such as [`Webhooks`](crate::tailnet::webhooks::Webhooks).
pub struct Resources<'a, R> {
    tailnet: &'a Tailnet,
    kind: PhantomData<fn() -> R>,
}

impl<R> Clone for Resources<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Resources<'_, R> {}

impl<R: Resource> fmt::Debug for Resources<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").field("kind", &R::SPEC.kind).finish_non_exhaustive()
    }
}

impl<'a, R> Resources<'a, R> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet, kind: PhantomData }
    }

    pub(crate) fn tailnet(self) -> &'a Tailnet {
        self.tailnet
    }
}

impl<R: Listed> Resources<'_, R> {
    /// Lists all resources of this kind.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope to read them.
    pub async fn list(&self) -> Result<Vec<R>> {
        let operation = R::SPEC.listed.map_or(R::SPEC.read, |(operation, _)| operation);
        call::typed_list(operation, R::SPEC.list(self.tailnet).await?)
    }
}

impl<R: Resource> Resources<'_, R> {
    /// Reads a resource by its ID or, if the API can list the kind, by its name.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), or [`Ambiguous`](crate::ErrorKind::Ambiguous) with
    /// the candidates.
    pub async fn get(&self, wanted: &str) -> Result<R> {
        let (id, _) = self.identify(wanted).await?;
        call::typed(R::SPEC.read, &R::SPEC.get(self.tailnet, &id).await?)
    }

    /// Plans to delete a resource.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get).
    pub async fn plan_delete(&self, wanted: &str) -> Result<Plan> {
        let (id, name) = self.identify(wanted).await?;
        let now = R::SPEC.get(self.tailnet, &id).await?;
        Ok(R::SPEC.plan_delete(&id, &name, &now))
    }

    /// The ID and the name of a resource. For a kind that the API cannot list, both are the ID.
    pub(crate) async fn identify(&self, wanted: &str) -> Result<(String, String)> {
        if R::SPEC.listed.is_some() {
            let found = R::SPEC.find(self.tailnet, wanted).await?;
            return Ok((R::SPEC.id(&found), R::SPEC.name(&found)));
        }
        let id = wanted.trim();
        if id.is_empty() {
            return Err(Error::invalid_input(R::SPEC.parameter, "is empty; give an ID"));
        }
        Ok((id.to_owned(), id.to_owned()))
    }
}
