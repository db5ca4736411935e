//! What patients sign, and who acts for them: grants, revocations, that a recovery is cancelled, appointments, acts.

use crate::body::{Json, Octets, decode};
use crate::error::{Code, Error};
use crate::rate::Caller;
use crate::state::Gateway;
use axum::extract::State;
use axum::http::StatusCode;
use salus_types::action::Action;
use salus_types::namespace;
use salus_types::transaction::Transaction;
use serde_json::{Value, json};

pub(super) async fn submit(
    State(gateway): State<Gateway>,
    caller: Caller,
    Octets(body): Octets,
) -> Result<(StatusCode, Json<Value>), Error> {
    gateway.ledger.transactions.check(caller)?;
    let transaction: Transaction = decode(&body)?;
    check(&gateway, &transaction)?;
    let id = gateway.chain().submit(transaction)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))))
}

fn check(gateway: &Gateway, transaction: &Transaction) -> Result<(), Error> {
    if transaction.network != gateway.network {
        return Err(Error::new(Code::Invalid, "the transaction is for another network"));
    }
    let patients = matches!(
        transaction.action,
        Action::Grant(_)
            | Action::Revoke(_)
            | Action::CancelRecovery(_)
            | Action::Appoint(_)
            | Action::EndAppointment(_)
            | Action::ProxyAct(_)
    );
    if !patients {
        return Err(Error::new(Code::Forbidden, "only what patients sign is taken here"));
    }
    let signed =
        transaction.signer.verify(namespace::TRANSACTION, &transaction.message(), &transaction.signature);
    signed.map_err(|_| Error::new(Code::Invalid, "the signature does not verify"))
}
