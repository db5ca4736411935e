//! Vaccines (CVX).

use super::{Code, system};

const fn cvx(code: &'static str, display: &'static str) -> Code {
    Code { system: system::CVX, code, display }
}

pub(crate) static HEPATITIS_B: Code =
    cvx("08", "hepatitis B vaccine, pediatric or pediatric/adolescent dosage");
pub(crate) static ROTAVIRUS: Code = cvx("119", "rotavirus, live, monovalent vaccine");
pub(crate) static DTAP: Code = cvx("20", "diphtheria, tetanus toxoids and acellular pertussis vaccine");
pub(crate) static HIB: Code = cvx("49", "Haemophilus influenzae type b vaccine, PRP-OMP conjugate");
pub(crate) static PNEUMOCOCCAL_13: Code = cvx("133", "pneumococcal conjugate vaccine, 13 valent");
pub(crate) static POLIO: Code = cvx("10", "poliovirus vaccine, inactivated");
pub(crate) static MMR: Code = cvx("03", "measles, mumps and rubella virus vaccine");
pub(crate) static VARICELLA: Code = cvx("21", "varicella virus vaccine");
pub(crate) static HEPATITIS_A: Code =
    cvx("83", "hepatitis A vaccine, pediatric/adolescent dosage, 2 dose schedule");
pub(crate) static INFLUENZA: Code =
    cvx("140", "Influenza, split virus, trivalent, injectable, preservative free");
pub(crate) static TDAP: Code =
    cvx("115", "tetanus toxoid, reduced diphtheria toxoid, and acellular pertussis vaccine, adsorbed");
pub(crate) static PNEUMOCOCCAL_23: Code = cvx("33", "pneumococcal polysaccharide vaccine, 23 valent");
pub(crate) static ZOSTER: Code = cvx("187", "zoster vaccine recombinant");
