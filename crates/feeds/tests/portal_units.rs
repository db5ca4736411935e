//! The portal's table of units (`portal/src/ui/fhir/units.json`) against a library of UCUM: every unit is a code, all units of
//! a kind measure the same, and what lies between two of them is what UCUM says.

use octofhir_ucum::analyse;
use salus_feeds::units::{is_unit, without_words};
use serde_json::Value;
use std::collections::BTreeMap;

/// Of a factor.
const DIFFERENCE_MAX: f64 = 1e-6;

/// Units whose factor the library has wrong; `ucum-lhc` of the National Library of Medicine has that of the portal.
const WRONG_IN_THE_LIBRARY: [&str; 3] = ["%", "[oz_av]", "kg/m3"];

/// Factor, and offset if there is one, by kind and unit.
type Table = BTreeMap<String, BTreeMap<String, Vec<f64>>>;

fn table() -> Table {
    let text = std::fs::read_to_string("../../portal/src/ui/fhir/units.json").expect("the portal's table");
    let table: Value = serde_json::from_str(&text).expect("JSON");
    let numbers = |values: &Value| -> Vec<f64> {
        values.as_array().expect("numbers").iter().map(|value| value.as_f64().expect("a number")).collect()
    };
    let mut found = Table::new();
    for (kind, units) in table.as_object().expect("kinds") {
        let units = units.as_object().expect("units").iter();
        found.insert(kind.clone(), units.map(|(unit, values)| (unit.clone(), numbers(values))).collect());
    }
    found
}

fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() <= DIFFERENCE_MAX * a.abs().max(b.abs()).max(f64::MIN_POSITIVE)
}

/// What is wrong with a table.
fn wrong(table: &Table) -> Vec<String> {
    let mut wrong = Vec::new();
    for (kind, units) in table {
        let mut first = None;
        // The kind's other units are compared with a right one.
        let right = |unit: &str| !WRONG_IN_THE_LIBRARY.contains(&unit);
        let (right, others): (Vec<_>, Vec<_>) = units.iter().partition(|(unit, _)| right(unit));
        for (unit, values) in right.into_iter().chain(others) {
            let plain = without_words(unit).filter(|_| is_unit(unit));
            let Some(known) = plain.and_then(|plain| analyse(&plain).ok()) else {
                wrong.push(format!("{kind}: {unit} is no unit"));
                continue;
            };
            let (factor, offset) = (values[0], values.get(1).copied().unwrap_or(0.0));
            let (first_factor, first_known, dimension) =
                *first.get_or_insert((factor, known.factor, known.dimension));
            if dimension != known.dimension {
                wrong.push(format!("{kind}: {unit} measures something else"));
            }
            let expected = known.factor / first_known * first_factor;
            if !is_same(factor, expected) {
                wrong.push(format!("{kind}: {unit} is {expected} and not {factor}"));
            }
            // Only temperatures begin elsewhere than at zero.
            if !is_same(offset, known.offset) {
                wrong.push(format!("{kind}: {unit} begins at {} and not {offset}", known.offset));
            }
        }
    }
    wrong
}

#[test]
fn the_portals_units_are_those_of_ucum() {
    let table = table();
    assert!(table.values().map(BTreeMap::len).sum::<usize>() > 90);
    let wrong = wrong(&table);
    // Once the library is mended, this list gets shorter.
    assert_eq!(wrong.len(), WRONG_IN_THE_LIBRARY.len(), "{wrong:?}");
    for unit in WRONG_IN_THE_LIBRARY {
        assert!(wrong.iter().any(|one| one.contains(&format!(": {unit} is "))), "{wrong:?}");
    }
}

#[test]
fn a_wrong_factor_and_a_stranger_are_found() {
    let mut table = Table::new();
    table.insert("mass".into(), BTreeMap::from([("g".into(), vec![1.0]), ("mg".into(), vec![0.01])]));
    table.insert("mixed".into(), BTreeMap::from([("g".into(), vec![1.0]), ("mm".into(), vec![0.001])]));
    table.insert("none".into(), BTreeMap::from([("stones".into(), vec![1.0])]));
    assert_eq!(wrong(&table).len(), 3);
}
