//! Places on the earth, and how far they are apart: whole numbers only, so that every database agrees with us.
//! A place is a point on the unit sphere; two places are within a distance where the straight line between their points
//! is no longer than that of the distance. The points are kept beside the coordinates (docs/decisions/0020).

use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Digits after the point of a degree: about a centimetre.
pub const SCALE: u32 = 7;
/// The farthest `near` reaches: half the circumference.
pub const KILOMETRES_MAX: i64 = 20_000;
/// Mean radius of the earth (IUGG).
const RADIUS_MM: i128 = 6_371_008_800;
/// Angles and their sines are whole numbers of this part.
const ONE: i128 = 1_000_000_000_000_000_000;
const PI: i128 = 3_141_592_653_589_793_238;
/// Points lie on a sphere of this radius: 6 mm on the ground, and squared distances still fit 64 bits.
const POINT: i128 = 1_000_000_000;
const LATITUDE: &str = "latitude";
const LONGITUDE: &str = "longitude";

/// A place: degrees, north and east positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub latitude: Decimal,
    pub longitude: Decimal,
}

/// Everything within a distance of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near {
    pub place: Place,
    pub millimetres: i64,
}

impl Place {
    /// `None` off the earth, or finer than [`SCALE`].
    pub fn new(latitude: Decimal, longitude: Decimal) -> Option<Place> {
        let fits = |degrees: Decimal, most: i64| {
            let degrees = degrees.normalize();
            (degrees.scale() <= SCALE && degrees.abs() <= Decimal::from(most)).then_some(degrees)
        };
        Some(Place { latitude: fits(latitude, 90)?, longitude: fits(longitude, 180)? })
    }

    /// The place a field holds.
    pub fn of(value: &Value) -> Option<Place> {
        let Value::Map(members) = value else { return None };
        Place::new(members.get(LATITUDE)?.as_decimal()?, members.get(LONGITUDE)?.as_decimal()?)
    }

    pub fn value(&self) -> Value {
        Value::Map(BTreeMap::from([
            (LATITUDE.to_owned(), Value::Decimal(self.latitude)),
            (LONGITUDE.to_owned(), Value::Decimal(self.longitude)),
        ]))
    }

    /// The point on the sphere: towards (0°, 0°), towards (0°, 90° east), towards the pole.
    pub fn point(&self) -> [i64; 3] {
        let (latitude, longitude) = (radians(self.latitude), radians(self.longitude));
        let level = cosine(latitude);
        let parts = [level * cosine(longitude) / ONE, level * sine(longitude) / ONE, sine(latitude)];
        parts.map(|part| narrow((part + ONE / POINT / 2).div_euclid(ONE / POINT)))
    }
}

impl Near {
    /// `None` for a distance of nothing, or farther than [`KILOMETRES_MAX`].
    pub fn new(place: Place, kilometres: Decimal) -> Option<Near> {
        let fits = kilometres > Decimal::ZERO && kilometres <= Decimal::from(KILOMETRES_MAX);
        let millimetres = i64::try_from((kilometres * Decimal::from(1_000_000)).trunc()).ok()?;
        fits.then_some(Near { place, millimetres })
    }

    /// The square of the straight line to the farthest points that are still near.
    pub fn reach(&self) -> i64 {
        let half = sine(i128::from(self.millimetres) * ONE / RADIUS_MM / 2);
        narrow(4 * half * half / ONE)
    }

    /// Latitudes outside of which nothing is near: what an index can be asked.
    pub fn band(&self) -> (Decimal, Decimal) {
        let unit = 10_i128.pow(SCALE);
        // One more than the quotient: it was rounded down.
        let wide = i128::from(self.millimetres) * 180 * unit / RADIUS_MM * ONE / PI + 2;
        let wide = Decimal::from_i128_with_scale(wide, SCALE);
        let pole = Decimal::from(90);
        ((self.place.latitude - wide).max(-pole), (self.place.latitude + wide).min(pole))
    }

    pub fn holds(&self, place: &Place) -> bool {
        let apart = self.place.point().into_iter().zip(place.point()).map(|(a, b)| (a - b) * (a - b));
        apart.sum::<i64>() <= self.reach()
    }
}

/// Reads `{"latitude": "31.2304", "longitude": "121.4737"}`; else what was wanted.
pub fn read(json: &Json) -> Result<Value, &'static str> {
    let wanted = "a place: {\"latitude\": \"31.2304\", \"longitude\": \"121.4737\"}, at most 7 digits after the point";
    let members = json.as_object().filter(|members| members.len() == 2).ok_or(wanted)?;
    let degrees = |name: &str| members.get(name).and_then(number);
    let place = degrees(LATITUDE).zip(degrees(LONGITUDE)).and_then(|(north, east)| Place::new(north, east));
    place.map(|place| place.value()).ok_or(wanted)
}

/// A decimal from a string or from a number's own text.
pub(crate) fn number(json: &Json) -> Option<Decimal> {
    match json {
        Json::String(text) => Decimal::from_str_exact(text.trim()).ok(),
        Json::Number(number) => Decimal::from_str_exact(&number.to_string()).ok(),
        _ => None,
    }
}

fn radians(degrees: Decimal) -> i128 {
    let mut degrees = degrees;
    degrees.rescale(SCALE);
    degrees.mantissa() * PI / (180 * 10_i128.pow(SCALE))
}

fn cosine(angle: i128) -> i128 {
    sine(angle + PI / 2)
}

/// For angles from -π to 3π/2: folded to a quarter turn, then the series until its terms vanish.
fn sine(angle: i128) -> i128 {
    let angle = match angle {
        above if above > PI / 2 => PI - above,
        below if below < -PI / 2 => -PI - below,
        within => within,
    };
    let square = angle * angle / ONE;
    let (mut sum, mut term, mut step) = (angle, angle, 1);
    while term != 0 {
        term = -(term * square / ONE) / ((step + 1) * (step + 2));
        sum += term;
        step += 2;
    }
    sum.clamp(-ONE, ONE)
}

fn narrow(number: i128) -> i64 {
    i64::try_from(number).expect("points and squared lines of the unit sphere fit 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(latitude: &str, longitude: &str) -> Place {
        let read = |text: &str| text.parse().expect("the test's degrees are a number");
        Place::new(read(latitude), read(longitude)).expect("the test's place is on the earth")
    }

    #[test]
    fn points_lie_on_the_sphere() {
        assert_eq!(place("0", "0").point(), [1_000_000_000, 0, 0]);
        assert_eq!(place("0", "90").point(), [0, 1_000_000_000, 0]);
        assert_eq!(place("0", "-180").point(), [-1_000_000_000, 0, 0]);
        assert_eq!(place("-90", "17").point(), [0, 0, -1_000_000_000]);
        // cos 60° = 1/2; sin 60° = 0.866025404
        assert_eq!(place("60", "0").point(), [500_000_000, 0, 866_025_404]);
    }

    #[test]
    fn distances_are_those_of_great_circles() {
        let check = |from: Place, to: Place, within: &str, beyond: &str| {
            let near = |km: &str| Near::new(from, km.parse().expect("a number")).expect("a distance");
            assert!(near(within).holds(&to) && !near(beyond).holds(&to), "{from:?} {to:?}");
            let (south, north) = near(within).band();
            assert!(south <= to.latitude && to.latitude <= north, "{from:?} {to:?}");
        };
        // Shanghai to Beijing, 1,067.3 km on a sphere of this radius.
        check(place("31.2304", "121.4737"), place("39.9042", "116.4074"), "1068", "1067");
        // Across the date line, over the pole, one degree of the meridian (111.195 km), the antipode.
        check(place("0", "179.5"), place("0", "-179.5"), "111.2", "111.19");
        check(place("89.5", "0"), place("89.5", "180"), "111.2", "111.19");
        check(place("10", "20"), place("11", "20"), "111.1951", "111.1950");
        check(place("31.2304", "121.4737"), place("31.2304", "121.4738"), "0.0096", "0.0094");
        assert!(Near::new(place("0", "0"), 20_000.into()).is_some_and(|near| !near.holds(&place("0", "180"))));
    }

    #[test]
    fn what_is_off_the_earth_is_no_place() {
        for json in [
            serde_json::json!({"latitude": "90.1", "longitude": "0"}),
            serde_json::json!({"latitude": "0", "longitude": "180.0000001"}),
            serde_json::json!({"latitude": "0.00000001", "longitude": "1"}),
            serde_json::json!({"latitude": "1"}),
            serde_json::json!({"latitude": "1", "longitude": "1", "height": "1"}),
            serde_json::json!("1,1"),
        ] {
            assert!(read(&json).is_err(), "{json}");
        }
        let value = read(&serde_json::json!({"latitude": "31.23040", "longitude": -121})).expect("a place");
        assert_eq!(value.to_json(), serde_json::json!({"latitude": "31.2304", "longitude": "-121"}));
    }
}
