//! A keyed function of which one side has the key and the other the input, and neither learns what the other has: the
//! verifiable OPRF of RFC 9497, suite ristretto255-SHA512, many inputs at a time.
//!
//! The side with the inputs blinds them ([`Blinded::of`]); the side with the key evaluates ([`OprfKey::evaluate`]) and proves
//! that it used the key whose public half it names; the first side checks that and unblinds ([`Blinded::finish`]).
//! Without the key nobody computes the function: each guess costs one evaluation of whoever has it.
//!
//! The group arithmetic and the proofs are `voprf`'s.

use crate::secret::Secret32;
use rand_core_0_6::{CryptoRng, RngCore};
use std::fmt;
use voprf::{BlindedElement, EvaluationElement, Proof, Ristretto255, VoprfClient, VoprfServer};

type Suite = Ristretto255;

/// Bytes of an encoded element of the group, or of a public key.
pub const ELEMENT_LENGTH: usize = 32;
/// Bytes of a proof.
pub const PROOF_LENGTH: usize = 64;
/// Bytes of the function's value.
pub const OUTPUT_LENGTH: usize = 64;

/// An encoded element of the group.
pub type Element = [u8; ELEMENT_LENGTH];

/// Why an evaluation does not come about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OprfError {
    /// Bytes that encode no element, or the neutral one.
    #[error("this encodes no element of the group")]
    Element,
    /// The number of elements is not that of the inputs, or there are none.
    #[error("there are not as many elements as were asked for")]
    Count,
    /// The proof does not hold: another key was used, or none.
    #[error("the evaluation was not made with the key that it names")]
    Proof,
}

/// This crate's randomness, as `voprf` takes it.
struct Random;

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(crate::random::bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(crate::random::bytes())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        crate::random::fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_0_6::Error> {
        crate::random::fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Random {}

/// The key of a function.
pub struct OprfKey(VoprfServer<Suite>);

impl fmt::Debug for OprfKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OprfKey([redacted])")
    }
}

/// Evaluated elements, and the proof that they were evaluated with the key whose public half is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// The public half.
    pub key: Element,
    /// One element for each that was asked for, in the same order.
    pub elements: Vec<Element>,
    /// Over all of them.
    pub proof: [u8; PROOF_LENGTH],
}

impl OprfKey {
    /// The key that RFC 9497's `DeriveKeyPair` makes of a seed and a public context.
    ///
    /// # Errors
    /// [`OprfError::Element`] for a context of 64 KiB and more, or a seed that gives no key: one in 2^2000.
    pub fn derive(seed: &Secret32, context: &[u8]) -> Result<Self, OprfError> {
        VoprfServer::new_from_seed(seed.expose(), context).map(Self).map_err(|_| OprfError::Element)
    }

    /// Evaluates blinded elements.
    ///
    /// # Errors
    /// [`OprfError::Element`], [`OprfError::Count`] if there are none.
    pub fn evaluate(&self, blinded: &[Element]) -> Result<Evaluated, OprfError> {
        let blinded = blinded.iter().map(|one| BlindedElement::<Suite>::deserialize(one));
        let blinded = blinded.collect::<Result<Vec<_>, _>>().map_err(|_| OprfError::Element)?;
        if blinded.is_empty() {
            return Err(OprfError::Count);
        }
        let prepared: Vec<_> = self.0.batch_blind_evaluate_prepare(blinded.iter()).collect();
        let finished = self.0.batch_blind_evaluate_finish(&mut Random, blinded.iter(), &prepared);
        let finished = finished.map_err(|_| OprfError::Count)?;
        let key = <Suite as voprf::Group>::serialize_elem(self.0.get_public_key());
        Ok(Evaluated {
            key: key.into(),
            elements: finished.messages.map(|one| one.serialize().into()).collect(),
            proof: finished.proof.serialize().into(),
        })
    }
}

/// Inputs, and what blinds them.
pub struct Blinded {
    inputs: Vec<Vec<u8>>,
    clients: Vec<VoprfClient<Suite>>,
    elements: Vec<Element>,
}

impl fmt::Debug for Blinded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blinded([redacted])")
    }
}

impl Blinded {
    /// Blinds inputs. Blinded elements of the same input have nothing in common.
    ///
    /// # Errors
    /// [`OprfError::Element`] for an input of 64 KiB and more.
    pub fn of(inputs: Vec<Vec<u8>>) -> Result<Self, OprfError> {
        let (mut clients, mut elements) = (Vec::new(), Vec::new());
        for input in &inputs {
            let blinded = VoprfClient::<Suite>::blind(input, &mut Random).map_err(|_| OprfError::Element)?;
            clients.push(blinded.state);
            elements.push(blinded.message.serialize().into());
        }
        Ok(Self { inputs, clients, elements })
    }

    /// What is sent to whoever has the key.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The function's values, in the order of the inputs.
    ///
    /// # Errors
    /// [`OprfError`] if the answer is malformed, or was not made with the key that it names.
    pub fn finish(&self, answer: &Evaluated) -> Result<Vec<[u8; OUTPUT_LENGTH]>, OprfError> {
        if answer.elements.len() != self.inputs.len() || self.inputs.is_empty() {
            return Err(OprfError::Count);
        }
        let evaluated = answer.elements.iter().map(|one| EvaluationElement::<Suite>::deserialize(one));
        let evaluated = evaluated.collect::<Result<Vec<_>, _>>().map_err(|_| OprfError::Element)?;
        let proof = Proof::<Suite>::deserialize(&answer.proof).map_err(|_| OprfError::Proof)?;
        let key = <Suite as voprf::Group>::deserialize_elem(&answer.key).map_err(|_| OprfError::Element)?;
        let values = VoprfClient::batch_finalize(&self.inputs, &self.clients, &evaluated, &proof, key);
        let values = values.map_err(|_| OprfError::Proof)?;
        values.map(|value| value.map(Into::into).map_err(|_| OprfError::Element)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> OprfKey {
        OprfKey::derive(&Secret32::from_bytes(&[seed; 32]), b"test key").expect("key")
    }

    fn inputs(texts: &[&str]) -> Blinded {
        Blinded::of(texts.iter().map(|text| text.as_bytes().to_vec()).collect()).expect("blinded")
    }

    #[test]
    fn both_vectors_of_rfc_9497_come_out() {
        // Appendix A.1.2, ristretto255-SHA512, VOPRF.
        let key = OprfKey::derive(&Secret32::from_bytes(&[0xa3; 32]), b"test key").expect("key");
        for (input, output) in [
            (
                vec![0x00],
                "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7da4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c",
            ),
            (
                vec![0x5a; 17],
                "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6",
            ),
        ] {
            let blinded = Blinded::of(vec![input]).expect("blinded");
            let answer = key.evaluate(blinded.elements()).expect("evaluated");
            assert_eq!(
                hex::encode(answer.key),
                "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e"
            );
            assert_eq!(hex::encode(blinded.finish(&answer).expect("value")[0]), output);
        }
    }

    #[test]
    fn the_value_depends_on_the_input_and_the_key_and_on_no_blinding() {
        let value = |seed: u8, text: &str| {
            let blinded = inputs(&[text]);
            let answer = key(seed).evaluate(blinded.elements()).expect("evaluated");
            (blinded.elements()[0], blinded.finish(&answer).expect("value")[0])
        };
        let (first, again) = (value(1, "x"), value(1, "x"));
        assert_ne!(first.0, again.0);
        assert_eq!(first.1, again.1);
        assert_ne!(first.1, value(2, "x").1);
        assert_ne!(first.1, value(1, "y").1);
    }

    #[test]
    fn an_answer_by_another_key_or_with_any_bit_changed_is_refused() {
        let blinded = inputs(&["x", "y"]);
        let good = key(1).evaluate(blinded.elements()).expect("evaluated");
        blinded.finish(&good).expect("values");
        let other = key(2).evaluate(blinded.elements()).expect("evaluated");
        for bad in [
            Evaluated { key: other.key, ..good.clone() },
            Evaluated { elements: other.elements.clone(), ..good.clone() },
            Evaluated { proof: other.proof, ..good.clone() },
            Evaluated { elements: good.elements.iter().rev().copied().collect(), ..good.clone() },
            Evaluated { elements: good.elements[..1].to_vec(), ..good.clone() },
            Evaluated { elements: vec![[0; 32]; 2], ..good.clone() },
            Evaluated { key: [0; 32], ..good.clone() },
        ] {
            assert!(blinded.finish(&bad).is_err());
        }
        for bit in 0..good.proof.len() * 8 {
            let mut bad = good.clone();
            bad.proof[bit / 8] ^= 1 << (bit % 8);
            assert!(blinded.finish(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_encodes_no_element_is_not_evaluated() {
        for (elements, error) in [
            (vec![], OprfError::Count),
            (vec![[0; 32]], OprfError::Element),
            (vec![[0xff; 32]], OprfError::Element),
        ] {
            assert_eq!(key(1).evaluate(&elements).expect_err("refused"), error);
        }
    }
}
