//! Names and places to combine. Nobody in particular: common given and family names of many languages, drawn
//! independently, with streets and towns that do not exist.

use super::story::Sex;

/// Given names and family names that are heard together.
pub(crate) struct Culture {
    /// BCP 47 tag of the language and its English name.
    pub(crate) language: (&'static str, &'static str),
    pub(crate) women: &'static [&'static str],
    pub(crate) men: &'static [&'static str],
    pub(crate) families: &'static [&'static str],
}

impl Culture {
    /// Its given names for a sex; the last of them is kept for clinicians.
    pub(crate) fn given(&self, sex: Sex) -> &'static [&'static str] {
        match sex {
            Sex::Female => self.women,
            Sex::Male => self.men,
        }
    }
}

const fn culture(
    language: (&'static str, &'static str),
    women: &'static [&'static str],
    men: &'static [&'static str],
    families: &'static [&'static str],
) -> Culture {
    Culture { language, women, men, families }
}

const ENGLISH: (&str, &str) = ("en", "English");

pub(crate) static CULTURES: &[Culture] = &[
    culture(
        ENGLISH,
        &["Hazel", "Ruth", "Audrey", "Maeve", "Tessa", "Joyce", "Willa", "Nora"],
        &["Miles", "Owen", "Felix", "Graham", "Theo", "Ellis", "Warren", "Hugh"],
        &["Ashdown", "Merriwell", "Larkfield", "Pemberley", "Thornbury", "Wexcombe", "Hollis", "Fenwright"],
    ),
    culture(
        ("es", "Spanish"),
        &["Lucía", "Marisol", "Elena", "Ximena", "Pilar", "Rocío", "Inés"],
        &["Mateo", "Joaquín", "Andrés", "Ramiro", "Tomás", "Esteban", "Hugo"],
        &["Villaseñor", "Montalvo", "Quintanar", "Arce Rueda", "Cordero Sanz", "Belmonte", "Zamudio"],
    ),
    culture(
        ("zh", "Chinese"),
        &["Meilin", "Xiulan", "Yating", "Jiayi", "Ruolan", "Shuchen"],
        &["Haoran", "Weijun", "Zhiyuan", "Bowen", "Jianhua", "Yichen"],
        &["Ouyang", "Shen", "Luo", "Tang", "Fang", "Xue", "Qiu"],
    ),
    culture(
        ("hi", "Hindi"),
        &["Anjali", "Kavya", "Meera", "Ritika", "Sunita", "Devika"],
        &["Arjun", "Rohan", "Vikram", "Nikhil", "Sanjay", "Harish"],
        &["Deshpande", "Iyengar", "Bhattacharya", "Kulkarni", "Chaturvedi", "Raghavan"],
    ),
    culture(
        ENGLISH,
        &["Adaeze", "Folake", "Ngozi", "Yetunde", "Amara", "Ifeoma"],
        &["Chidi", "Olumide", "Emeka", "Babatunde", "Kelechi", "Tunde"],
        &["Adeyinka", "Okonjo", "Nwachukwu", "Olatunji", "Ezeani", "Akinwale"],
    ),
    culture(
        ("ar", "Arabic"),
        &["Layla", "Samira", "Yasmin", "Huda", "Rania", "Noor"],
        &["Karim", "Tariq", "Bilal", "Omar", "Nabil", "Faris"],
        &["Haddad", "Al-Masri", "Khoury", "Bensalem", "Rahmani", "Darwish"],
    ),
    culture(
        ("vi", "Vietnamese"),
        &["Thu Hà", "Mai Linh", "Ngọc Anh", "Bích Vân", "Kim Chi"],
        &["Minh Khôi", "Quang Huy", "Đức Anh", "Bảo Long", "Hoàng Nam"],
        &["Đặng", "Huỳnh", "Vũ", "Lâm", "Phan", "Trịnh"],
    ),
    culture(
        ("pl", "Polish"),
        &["Zofia", "Agnieszka", "Halina", "Kinga", "Ewelina"],
        &["Tomasz", "Bartosz", "Leszek", "Wojciech", "Kamil"],
        &["Wilczak", "Jasieński", "Borowik", "Sokołowicz", "Grabiec"],
    ),
    culture(
        ("de", "German"),
        &["Annelie", "Greta", "Liesel", "Frieda", "Ulrike"],
        &["Jürgen", "Matthias", "Konrad", "Till", "Anselm"],
        &["Birkenhain", "Löwenthal", "Osterkamp", "Rübsam", "Hagedorn"],
    ),
    culture(
        ("ko", "Korean"),
        &["Seo-yeon", "Ji-woo", "Hye-jin", "Min-seo", "Eun-kyung"],
        &["Joon-ho", "Dong-hyun", "Tae-yang", "Sung-min", "Ha-neul"],
        &["Namgung", "Baek", "Hwang", "Noh", "Seong"],
    ),
    culture(
        ("so", "Somali"),
        &["Hodan", "Ifrah", "Sagal", "Fartun", "Ubah"],
        &["Abdirahman", "Guled", "Liban", "Mahad", "Warsame"],
        &["Farah Elmi", "Hersi", "Warfa", "Jibril", "Nuur"],
    ),
    culture(
        ("pt", "Portuguese"),
        &["Beatriz", "Luana", "Rafaela", "Tainá", "Cecília"],
        &["Thiago", "Caio", "Renato", "Otávio", "Davi"],
        &["Vasconcelos", "Figueira", "Sardinha", "Bittencourt", "Alencastro"],
    ),
    culture(
        ("el", "Greek"),
        &["Eleni", "Despina", "Kalliope", "Fotini"],
        &["Stavros", "Thanos", "Lefteris", "Panagiotis"],
        &["Karavellas", "Mavrides", "Stathakos", "Vlahou"],
    ),
    culture(
        ("sm", "Samoan"),
        &["Sina", "Lagi", "Moana", "Tiresa"],
        &["Tavita", "Sione", "Malakai", "Fetu"],
        &["Tuilagi-Leota", "Faleolo", "Matagi", "Seumanu"],
    ),
    culture(
        ("uk", "Ukrainian"),
        &["Oksana", "Daryna", "Halyna", "Solomiya"],
        &["Taras", "Ostap", "Bohdan", "Yaroslav"],
        &["Kovalchuk", "Bilous", "Horobets", "Zahorodnii"],
    ),
];

pub(crate) static STREETS: &[&str] = &[
    "Lantern Street",
    "Old Quarry Road",
    "Heron Lane",
    "Millrace Avenue",
    "Juniper Terrace",
    "Saltmarsh Way",
    "Copper Beech Drive",
    "Ferry Hill",
    "Orchard Rise",
    "Windmill Close",
    "Kestrel Court",
    "Tollgate Road",
];

/// Towns with invented postal codes.
pub(crate) static TOWNS: &[(&str, &str)] = &[
    ("Northmere", "00011"),
    ("Eastwick Ferry", "00023"),
    ("Alder Crossing", "00034"),
    ("Stonebridge Falls", "00047"),
    ("Port Larkin", "00052"),
    ("Greyhaven", "00068"),
];
