"""National numbers of persons. What has letters, separators or a strong check is found anywhere, plain digits only behind their name."""

from __future__ import annotations

from fr_recorder.redact.rule import Rule

__all__ = ["IDENTITY_RULES"]

_LEFT = r"(?:[^0-9A-Za-z_.\-+/#=@]|[^0-9][.:=#])"
_RIGHT = r"(?:[^0-9A-Za-z_.\-/]|[.\-/][^0-9A-Za-z])"
_BEHIND_LABEL = (
    r"(?:[ _\-]?(?:numbers?|num|no\.?|nr\.?|n[\xc2]?[\xba\xb0]|id|code|card))?[\"'`\\]{0,4}[ \t]{0,3}"
    r"(?:[:=#]|is|\xef\xbc\x9a)?[ \t]{0,3}[\"'`\\]{0,4}#?"
)


def _shaped(
    kind: str, shape: str, check: str | None, source: str, examples: tuple[str, ...], near_misses: tuple[str, ...], gate: str | None = None
) -> Rule:
    """A number that its shape and its check give away."""
    return Rule(kind, rf"{_LEFT}({shape}){_RIGHT}", source, examples, near_misses, check=check, gate=rf"{_LEFT}{gate or shape}")


def _labelled(
    kind: str, labels: str, shape: str, check: str | None, source: str, examples: tuple[str, ...], near_misses: tuple[str, ...]
) -> Rule:
    """A number that its name gives away, and its check confirms where it has one."""
    start = rf"(?i)(?:[^0-9A-Za-z]|_)(?:{labels}){_BEHIND_LABEL}"
    return Rule(kind, rf"{start}({shape}){_RIGHT}", source, examples, near_misses, check=check, gate=rf"{start}{shape}")


IDENTITY_RULES: tuple[Rule, ...] = (
    _shaped("us_itin", r"9[0-9]{2}-(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-24-9])-[0-9]{4}", None,
        "https://www.irs.gov/tin/itin/individual-taxpayer-identification-number-itin", ("ITIN 912-78-1234", "is 998-50-0001."),
        ("912-34-5678", "9912-78-1234", "912-78-12345")),
    _labelled("us_ein", r"ein|employer identification", r"[0-9]{2}-[0-9]{7}", None,
        "https://www.irs.gov/businesses/small-businesses-self-employed/employer-id-numbers",
        ("EIN: 12-3456789", "employer identification number 98-7654321."), ("ein 12", "12-3456789", "mein: 12-3456789")),
    _labelled("us_bank_routing_number", r"routing|aba|rtn", r"[0-9]{9}", "us_routing",
        "https://www.aba.com/about-us/routing-number (weights 3, 7, 1)",
        ("routing number: 021000021", "ABA 011401533", "Routing #121000358"),
        ("routing number: 021000022", "routing table 1", "id 021000021")),
    _labelled("bank_account_number", r"(?:bank|checking|savings|deposit) account|kontonummer|account number", r"[0-9]{8,17}", None,
        "common usage", ("bank account number: 000123456789", "Kontonummer: 1234567890"), ("bank account 12", "account 12345678")),
    _labelled("uk_sort_code", r"sort[ _\-]?code", r"[0-9]{2}[\- ]?[0-9]{2}[\- ]?[0-9]{2}", None,
        "https://www.wearepay.uk/what-we-do/payment-systems", ("sort code: 12-34-56", "Sort Code 123456."),
        ("sort code 12", "sort code: 1234567")),
    _shaped("uk_nino", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", "uk_nino",
        "https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110", ("NI AB123456C", "it is JK 12 34 56 D."),
        ("DQ123456C", "GB123456A", "AB123456E", "XAB123456C", "AB 111111 A"), gate=r"[A-Z][A-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]"),
    _labelled("uk_nhs_number", r"nhs", r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{4}", "uk_nhs",
        "https://www.datadictionary.nhs.uk/attributes/nhs_number.html", ("NHS number: 943 476 5919", "nhs no 9434765919"),
        ("NHS number: 943 476 5918", "NHS 2024", "id 943 476 5919")),
    _labelled("canada_sin", r"sin|nas|social insurance|assurance sociale", r"[1-79][0-9]{2}[ \-]?[0-9]{3}[ \-]?[0-9]{3}", "canada_sin",
        "https://www.canada.ca/en/employment-social-development/services/sin.html (Luhn)",
        ("SIN: 130-692-544", "social insurance number 130692544"), ("SIN: 130-692-545", "sin(130692544)", "a sin 130")),
    _shaped("spain_dni", r"(?:[0-9]{8}|[XYZ]-?[0-9]{7})-?[A-HJ-NP-TV-Z]", "spain",
        "https://www.interior.gob.es/opencms/es/servicios-al-ciudadano/tramites-y-gestiones/dni/calculo-del-digito-de-control-del-nif-nie",
        ("DNI 12345678Z", "NIE X1234567L", "12345678-Z."), ("12345678A", "X1234567A", "112345678Z", "v12345678Z")),
    _shaped("italy_codice_fiscale", r"[A-Za-z]{6}[0-9]{2}[A-EHLMPR-Ta-ehlmpr-t][0-7][0-9][A-Za-z][0-9]{3}[A-Za-z]", "italy",
        "Decreto ministeriale 23 dicembre 1976 (not the rare ones in which letters stand for digits)",
        ("CF RSSMRA85T10A562S", "rssmra85t10a562s,"), ("RSSMRA85T10A562X", "XRSSMRA85T10A562S"))._replace(
        gate=_LEFT + r"[A-Za-z]{6}[0-9]{2}[A-Ta-t][0-7][0-9][A-Za-z][0-9]{3}[A-Za-z]"
    ),
    _shaped("france_nir", r"[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}", "france",
        "https://www.insee.fr/fr/metadonnees/definition/c1409", ("2 55 08 14 168 025 38", "NIR 255081416802538."),
        ("255081416802539", "2 55 13 14 168 025 38", "1255081416802538")),
    _labelled("germany_tax_id", r"steuer-?id(?:entifikations)?|steuerliche identifikations|idnr\.?|tax[ _\-]?id(?:entification)?|tin",
        r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", "steuer_id", "Abgabenordnung 139b; ISO/IEC 7064 MOD 11,10",
        ("Steuer-ID: 86095742719", "IdNr. 65 929 970 489"), ("Steuer-ID: 86095742718", "tax id 12", "86095742719")),
    _labelled("germany_tax_id", r"steueridentifikationsnummer|steuernummer|steuer-identifikationsnummer",
        r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", "steuer_id", "Abgabenordnung 139b; ISO/IEC 7064 MOD 11,10",
        ("Steueridentifikationsnummer 86095742719",), ("Steuernummer 12",)),
    _labelled("germany_health_insurance", r"kvnr|krankenversicherten|versicherten", r"[A-Z][0-9]{9}", None, "SGB V 290",
        ("KVNR: A123456780", "Versichertennummer A123456780"), ("A123456780", "KVNR fehlt")),
    _labelled("germany_health_insurance", r"krankenversichertennummer|versichertennummer", r"[A-Z][0-9]{9}", None, "SGB V 290",
        ("Versichertennummer A123456780",), ("Versichertennummer: unbekannt",)),
    _labelled("netherlands_bsn", r"bsn|burgerservice|sofi", r"[0-9]{9}|[0-9]{4}\.[0-9]{2}\.[0-9]{3}", "netherlands_bsn",
        "Besluit burgerservicenummer (11-proef)", ("BSN: 111222333", "bsn=123456782"), ("BSN: 111222334", "111222333")),
    _labelled("netherlands_bsn", r"burgerservicenummer|sofinummer", r"[0-9]{9}|[0-9]{4}\.[0-9]{2}\.[0-9]{3}", "netherlands_bsn",
        "Besluit burgerservicenummer (11-proef)", ("burgerservicenummer 111222333",), ("burgerservicenummer 111222334",)),
    _shaped("belgium_national_number", r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", "belgium",
        "https://www.ibz.rrn.fgov.be (97 minus the number modulo 97)", ("85.07.30-033.28", "is 00.01.25-567.77."),
        ("85.07.30-033.29", "1.85.07.30-033.28")),
    _labelled("belgium_national_number", r"rijksregister|registre national|numero national|national register|insz|niss", r"[0-9]{11}",
        "belgium", "https://www.ibz.rrn.fgov.be", ("INSZ: 85073003328",), ("INSZ: 85073003329", "85073003328")),
    _labelled("poland_pesel", r"pesel", r"[0-9]{11}", "poland", "Ustawa o ewidencji ludnosci, art. 15",
        ("PESEL: 44051401359", "pesel=44051401359"), ("PESEL: 44051401358", "44051401359")),
    _shaped("sweden_personnummer", r"[0-9]{2}[0-9]{2}[0-3689][0-9][\-+][0-9]{4}", "sweden", "https://www.skatteverket.se (SKV 704; Luhn)",
        ("811228-9874", "personnummer 670919-9530."), ("811228-9875", "240115-0930", "backup-811228-9874"),
        gate=r"[0-9]{2}[0-9]{4}[\-+][0-9]{4}"),
    _shaped("sweden_personnummer", r"(?:19|20)[0-9]{2}[01][0-9][0-3689][0-9]-?[0-9]{4}", "sweden_long",
        "https://www.skatteverket.se (SKV 704; Luhn)", ("19811228-9874",), ("19811228-9875", "20240115-0930")),
    _shaped("finland_hetu", r"[0-3][0-9][01][0-9]{3}[\-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]", "finland",
        "https://dvv.fi/en/personal-identity-code", ("131052-308T", "hetu 010594A9032."), ("131052-308S", "331052-308T")),
    _labelled("norway_fodselsnummer", r"f(?:\xc3\xb8|o|oe)dselsnummer|fnr|personnummer|d-nummer", r"[0-7][0-9]{5} ?[0-9]{5}", "norway",
        "https://www.skatteetaten.no (two digits modulo 11)", ("fnr: 01010750160",), ("fnr: 01010750161", "01010750160")),
    _labelled("denmark_cpr", r"cpr|personnummer", r"[0-3][0-9][01][0-9]{3}-?[0-9]{4}", "denmark_cpr",
        "https://cpr.dk (no check digit since 2007)", ("CPR: 070593-0600", "cpr-nr. 0705930600"), ("CPR: 990593-0600", "070593-0600")),
    _shaped("switzerland_ahv", r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}", "switzerland_ahv", "https://www.zas.admin.ch (EAN-13)",
        ("756.9217.0769.85", "AHV 756.1234.5678.97."), ("756.9217.0769.84", "1.756.9217.0769.85")),
    _labelled("switzerland_ahv", r"ahv|avs|oasi", r"756[0-9]{10}", "switzerland_ahv", "https://www.zas.admin.ch (EAN-13)",
        ("AHV: 7569217076985",), ("AHV: 7569217076984", "7569217076985")),
    _labelled("austria_svnr", r"svnr|sozialversicherungs(?:nummer|nr\.?)?|sv-nummer", r"[1-9][0-9]{3} ?[0-3][0-9][01][0-9]{3}", None,
        "https://www.sozialversicherung.at", ("SVNR: 1237 010180", "Sozialversicherungsnummer 1237010180"), ("SVNR: 12", "1237 010180")),
    _labelled("portugal_nif", r"nif|contribuinte|nipc", r"[1-9][0-9]{2} ?[0-9]{3} ?[0-9]{3}", "portugal_nif",
        "Decreto-Lei 14/2013 (modulo 11)", ("NIF: 123456789", "contribuinte 123 456 789"), ("NIF: 123456788", "123456789")),
    _labelled("ireland_pps", r"ppsn?|pps number", r"[0-9]{7}[A-W][A-IW]?", "ireland", "https://www.gov.ie (modulo 23)",
        ("PPS: 1234567T", "PPSN 1234567TW"), ("PPS: 1234567A", "1234567T")),
    _shaped("czech_birth_number", r"[0-9]{2}[0-35-8][0-9][0-3][0-9]/[0-9]{4}", "czech", "zakon 133/2000 Sb. (a multiple of 11)",
        ("780123/3506", "RC 736028/5163."), ("780123/3507", "2024/780123/3506")),
    _labelled("romania_cnp", r"cnp|cod numeric personal", r"[1-9][0-9]{12}", "romania", "OUG 97/2005 (modulo 11)",
        ("CNP: 1800101221144",), ("CNP: 1800101221145", "1800101221144")),
    _labelled("croatia_oib", r"oib", r"[0-9]{11}", "croatia_oib", "Zakon o OIB; ISO/IEC 7064 MOD 11,10", ("OIB: 94577403194",),
        ("OIB: 94577403195", "94577403194")),
    _labelled("greece_amka", r"amka", r"[0-3][0-9][01][0-9]{8}", "greece_amka", "https://www.amka.gr (Luhn)", ("AMKA: 01013099997",),
        ("AMKA: 01013099998", "01013099997")),
    _shaped("russia_snils", r"[0-9]{3}-[0-9]{3}-[0-9]{3}[ \-][0-9]{2}", "snils", "https://sfr.gov.ru (modulo 101)", ("112-233-445 95",),
        ("112-233-445 96", "1112-233-445 95")),
    _labelled("turkey_tc_kimlik", r"tckn|t\.?c\.? ?kimlik(?: numaras(?:\xc4\xb1|i))?(?: no)?|kimlik", r"[1-9][0-9]{10}", "turkey",
        "https://www.nvi.gov.tr", ("TC Kimlik No: 10000000146", "TCKN=10000000146"), ("TCKN=10000000147", "10000000146")),
    _labelled("israel_id", r"teudat zehut|israeli id|mispar zehut", r"[0-9]{9}", "israel", "https://www.gov.il (Luhn)",
        ("Teudat Zehut: 123456782",), ("Teudat Zehut: 123456783", "123456782")),
    _labelled("south_africa_id", r"(?:sa |rsa |south african )?id|identity", r"[0-9]{6}[0-9]{4}[0-2][89][0-9]", "south_africa",
        "Identification Act 68 of 1997 (Luhn)", ("SA ID 8001015009087", "identity number: 8001015009087"),
        ("SA ID 8001015009088", "8001015009087", "id: 17")),
    _shaped("brazil_cpf", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", "brazil_cpf", "Instrucao Normativa RFB 1548/2015 (modulo 11)",
        ("111.444.777-35", "CPF 529.982.247-25."), ("111.444.777-36", "111.111.111-11", "1.111.444.777-35")),
    _labelled("brazil_cpf", r"cpf", r"[0-9]{11}", "brazil_cpf", "Instrucao Normativa RFB 1548/2015 (modulo 11)", ("CPF: 11144477735",),
        ("CPF: 11144477736", "11144477735")),
    _shaped("brazil_cnpj", r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}", "brazil_cnpj",
        "Instrucao Normativa RFB 1863/2018 (modulo 11)", ("11.222.333/0001-81",), ("11.222.333/0001-82",)),
    _shaped("mexico_curp", r"[A-Z][AEIOUX][A-Z]{2}[0-9]{2}[01][0-9][0-3][0-9][HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z][0-9]", "mexico",
        "https://www.gob.mx/curp (weights 18 to 2)", ("BOXW310820HNERXN09",), ("BOXW310820HNERXN08", "XBOXW310820HNERXN09")),
    _shaped("chile_rut", r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]", "chile", "https://www.registrocivil.cl (modulo 11)",
        ("RUT 12.345.678-5", "7.654.321-6"), ("12.345.678-6", "1.12.345.678-5")),
    _labelled("chile_rut", r"rut|run", r"[0-9]{7,8}-[0-9Kk]", "chile", "https://www.registrocivil.cl (modulo 11)", ("RUT: 12345678-5",),
        ("RUT: 12345678-6", "run 12345678")),
    _shaped("argentina_cuil", r"(?:2[0347]|30|33|34)-[0-9]{8}-[0-9]", "argentina_cuil", "https://www.anses.gob.ar (modulo 11)",
        ("CUIL 20-12345678-6",), ("20-12345678-7", "1-20-12345678-6")),
    _shaped("india_aadhaar", r"[2-9][0-9]{3} [0-9]{4} [0-9]{4}|[2-9][0-9]{3}-[0-9]{4}-[0-9]{4}", "india_aadhaar",
        "https://uidai.gov.in (Verhoeff)", ("2341 2341 2346", "Aadhaar 2341-2341-2346."),
        ("2341 2341 2347", "2341 2341 23461", "12341 2341 2346")),
    _labelled("india_aadhaar", r"aadha?ar|uidai", r"[2-9][0-9]{11}", "india_aadhaar", "https://uidai.gov.in (Verhoeff)",
        ("Aadhaar: 234123412346",), ("Aadhaar: 234123412347",)),
    _shaped("india_pan", r"[A-Z]{3}P[A-Z][0-9]{4}[A-Z]", None, "https://incometaxindia.gov.in (fourth letter P: a person)",
        ("PAN ABCPE1234F", "is AAAPL1234C."), ("ABCDE1234F", "XABCPE1234F", "ABCPE12345F")),
    _labelled("india_pan", r"pan", r"[A-Z]{3}[ABCFGHLJPT][A-Z][0-9]{4}[A-Z]", None, "https://incometaxindia.gov.in",
        ("PAN: ABCCE1234F", "pan card AAAPL1234C"), ("pan handle", "PAN: 1234")),
    _shaped("china_resident_id", r"[1-8][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9][0-9]{3}[0-9Xx]", "china",
        "GB 11643-1999 (ISO/IEC 7064 MOD 11-2)", ("11010519491231002X", "id 11010519491231002x."),
        ("110105194912310021", "111010519491231002X")),
    _shaped("korea_rrn", r"[0-9]{2}[01][0-9][0-3][0-9]-[1-8][0-9]{6}", "korea", "Resident Registration Act (modulo 11)",
        ("800101-1234560",), ("800101-1234561", "1800101-1234560")),
    _labelled("japan_my_number", r"my ?number|individual number|\xe3\x83\x9e\xe3\x82\xa4\xe3\x83\x8a\xe3\x83\xb3\xe3\x83\x90\xe3\x83\xbc",
        r"[0-9]{4}[ \-]?[0-9]{4}[ \-]?[0-9]{4}", "japan_my_number", "https://www.kojinbango-card.go.jp (modulo 11)",
        ("My Number: 1234 5678 9018",), ("My Number: 1234 5678 9019", "my number is up")),
    _shaped("singapore_nric", r"[STFGM][0-9]{7}[A-Z]", "singapore", "https://www.ica.gov.sg (modulo 11)",
        ("NRIC S1234567D", "T1234567J."), ("S1234567A", "XS1234567D")),
    _shaped("hong_kong_id", r"[A-Z]{1,2}[0-9]{6} ?\([0-9A]\)", "hong_kong", "https://www.immd.gov.hk (modulo 11)", ("HKID A123456(3)",),
        ("A123456(4)", "f123456(3)")),
    _shaped("taiwan_id", r"[A-Z][1289][0-9]{8}", "taiwan", "https://www.ris.gov.tw (modulo 10)", ("A123456789",),
        ("A123456788", "XA123456789")),
    _shaped("thailand_id", r"[1-8]-[0-9]{4}-[0-9]{5}-[0-9]{2}-[0-9]", "thailand", "https://www.dopa.go.th (modulo 11)",
        ("1-2345-67890-12-1",), ("1-2345-67890-12-2",)),
    _shaped("malaysia_nric", r"[0-9]{2}[01][0-9][0-3][0-9]-[0-9]{2}-[0-9]{4}", "malaysia", "https://www.jpn.gov.my",
        ("MyKad 850101-14-5678",), ("851301-14-5678", "1850101-14-5678")),
    _labelled("indonesia_nik", r"nik|nomor induk kependudukan|ktp", r"[1-9][0-9]{15}", None, "https://dukcapil.kemendagri.go.id",
        ("NIK: 3171234567890123",), ("NIK: 317", "3171234567890123")),
    _labelled("australia_tfn", r"tfn|tax file", r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{3}", "australia_tfn",
        "https://www.ato.gov.au (weights 1, 4, 3, 7, 5, 8, 6, 9, 10)", ("TFN: 123 456 782", "tax file number 123456782"),
        ("TFN: 123 456 783", "123 456 782")),
    _labelled("australia_medicare", r"medicare", r"[2-6][0-9]{3}[ \-]?[0-9]{5}[ \-]?[0-9]", "australia_medicare",
        "https://www.servicesaustralia.gov.au", ("Medicare: 2123 45670 1",), ("Medicare: 2123 45671 1", "medicare 2024")),
    _labelled("passport_number",
        r"passports?|reisepass(?:nummer)?|passeport|pasaporte|passaporto|\xe6\x8a\xa4\xe7\x85\xa7(?:\xe5\x8f\xb7)?",
        r"[A-Z]{0,2}[0-9]{6,9}[A-Z]?", None, "ICAO Doc 9303 part 4 (nine characters)",
        ("passport number: 123456789", "Passport No. AB1234567", "Reisepassnummer C12345678"),
        ("passport 2024", "passport control", "passport number: none")),
    _labelled("driving_licence_number", r"driv(?:er'?s?|ing)[ _]licen[cs]e|f\xc3\xbchrerschein(?:nummer)?|permis de conduire",
        r"[A-Z]{0,5}[0-9][0-9A-Z]{6,17}", None, "ISO/IEC 18013-1",
        ("driver's license number: D1234567", "driving licence MORGA657054SM9IJ"), ("driver's license 2024", "driving licence renewal")),
)  # fmt: skip
"""One row a number; some numbers have a row for each way of writing them."""
