//! A route, and the guard before it. Every route goes through [`Route::register`], so that none is open but
//! those of an audience that is everyone.

use actix_web::{
    Error, HttpMessage, Resource,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::{Next, from_fn},
    web::{Data, ServiceConfig},
};

use crate::{access::Audience, admission::refuse, error::ApiError, state::AppState};

/// A path, its audience, and its handlers. Its requests carry it as data.
#[derive(Clone, Copy)]
pub struct Route {
    pub path: &'static str,
    pub audience: Audience,
    pub resource: fn(&'static str) -> Resource,
}

impl Route {
    /// Adds the route behind the guard of its audience.
    pub fn register(self, config: &mut ServiceConfig) {
        config.service((self.resource)(self.path).app_data(self).wrap(from_fn(admit)));
    }
}

/// Lets a request through, or refuses it.
///
/// A refusal is a response and no error: an error would pass by the log and the metrics.
async fn admit(mut request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    match check(&request) {
        Ok(()) => next.call(request).await,
        Err(refusal) => {
            let payload = request.take_payload();
            let refusal = refuse(request.request(), payload, refusal).await;
            Ok(request.error_response(refusal))
        }
    }
}

fn check(request: &ServiceRequest) -> Result<(), ApiError> {
    let (Some(route), Some(state)) = (request.app_data::<Route>(), request.app_data::<Data<AppState>>())
    else {
        return Err(ApiError::internal(Unguarded));
    };
    state.access.check(route.audience, request)
}

/// A request cannot be checked: it is refused.
#[derive(Debug, thiserror::Error)]
#[error("a route was set up without its audience, or without the state that holds the keys")]
struct Unguarded;
