"""Names of countries, what belongs to them is called, and the states that captions name most often.

Only names: where a tile lies comes from its signals. Members and observers of the United Nations, and a few more places
that have a name of their own on maps.
"""

from __future__ import annotations

from geomeld_build.captions.claims.lexicon.entries import Entry

__all__ = ["ALIASES", "COUNTRY_WORDS", "adjective_of", "continent_of", "geo_words", "is_adjective"]

_COUNTRIES = {
    "Africa": """
        Algeria:Algerian Angola:Angolan Benin:Beninese Botswana:Motswana,Botswanan Burkina_Faso:Burkinabe
        Burundi:Burundian
        Cameroon:Cameroonian Cape_Verde:Cape_Verdean Central_African_Republic: Chad:Chadian Comoros:Comorian
        Republic_of_the_Congo:Congo Democratic_Republic_of_the_Congo:Congolese,DR_Congo,DRC,Congo Djibouti:Djiboutian
        Egypt:Egyptian Equatorial_Guinea: Eritrea:Eritrean Eswatini:Swazi,Swaziland Ethiopia:Ethiopian Gabon:Gabonese
        Gambia:Gambian Ghana:Ghanaian Guinea:Guinean Guinea_Bissau: Ivory_Coast:Ivorian,Cote_d'Ivoire,Côte_d'Ivoire
        Kenya:Kenyan Lesotho:Basotho Liberia:Liberian Libya:Libyan Madagascar:Malagasy,Madagascan Malawi:Malawian
        Mali:Malian Mauritania:Mauritanian Mauritius:Mauritian Morocco:Moroccan Mozambique:Mozambican Namibia:Namibian
        Niger:Nigerien Nigeria:Nigerian Rwanda:Rwandan Sao_Tome_and_Principe:São_Tomé_and_Príncipe,Sao_Tomean
        Senegal:Senegalese Seychelles:Seychellois Sierra_Leone:Sierra_Leonean Somalia:Somali South_Africa:South_African
        South_Sudan:South_Sudanese Sudan:Sudanese Tanzania:Tanzanian,United_Republic_of_Tanzania Togo:Togolese
        Tunisia:Tunisian Uganda:Ugandan Western_Sahara:Sahrawi Zambia:Zambian Zimbabwe:Zimbabwean""",
    "Asia": """
        Afghanistan:Afghan Armenia:Armenian Azerbaijan:Azerbaijani Bahrain:Bahraini Bangladesh:Bangladeshi
        Bhutan:Bhutanese
        Brunei:Bruneian Myanmar:Burmese,Burma Cambodia:Cambodian China:Chinese East_Timor:Timorese,Timor_Leste
        Georgia:Georgian India:Indian Indonesia:Indonesian Iran:Iranian,Persian Iraq:Iraqi Israel:Israeli Japan:Japanese
        Jordan:Jordanian Kazakhstan:Kazakh,Kazakhstani Kuwait:Kuwaiti Kyrgyzstan:Kyrgyz Laos:Lao,Laotian
        Lebanon:Lebanese Malaysia:Malaysian Maldives:Maldivian Mongolia:Mongolian Nepal:Nepali,Nepalese
        North_Korea:North_Korean
        Oman:Omani Pakistan:Pakistani Palestine:Palestinian Philippines:Philippine,Filipino Qatar:Qatari
        Saudi_Arabia:Saudi,Saudi_Arabian Singapore:Singaporean South_Korea:South_Korean,Korean,Korea
        Sri_Lanka:Sri_Lankan
        Syria:Syrian Taiwan:Taiwanese Tajikistan:Tajik Thailand:Thai Turkey:Turkish,Türkiye Turkmenistan:Turkmen
        United_Arab_Emirates:Emirati,UAE Uzbekistan:Uzbek Vietnam:Vietnamese,Viet_Nam Yemen:Yemeni""",
    "Europe": """
        Albania:Albanian Andorra:Andorran Austria:Austrian Belarus:Belarusian Belgium:Belgian
        Bosnia_and_Herzegovina:Bosnian,Bosnia Bulgaria:Bulgarian Croatia:Croatian Cyprus:Cypriot
        Czech_Republic:Czech,Czechia Denmark:Danish Estonia:Estonian Finland:Finnish France:French Germany:German
        Greece:Greek Hungary:Hungarian Iceland:Icelandic Ireland:Irish Italy:Italian Kosovo:Kosovar Latvia:Latvian
        Liechtenstein: Lithuania:Lithuanian Luxembourg:Luxembourgish Malta:Maltese Moldova:Moldovan Monaco:
        Montenegro:Montenegrin Netherlands:Dutch,Holland North_Macedonia:Macedonian,Macedonia Norway:Norwegian
        Poland:Polish Portugal:Portuguese Romania:Romanian Russia:Russian,Russian_Federation San_Marino: Serbia:Serbian
        Slovakia:Slovak,Slovakian Slovenia:Slovenian,Slovene Spain:Spanish Sweden:Swedish Switzerland:Swiss
        Ukraine:Ukrainian
        United_Kingdom:British,UK,Britain,Great_Britain,England,English,Scotland,Scottish,Wales,Welsh""",
    "North America": """
        Bahamas:Bahamian Barbados:Barbadian Belize:Belizean Canada:Canadian Costa_Rica:Costa_Rican Cuba:Cuban
        Dominican_Republic: El_Salvador:Salvadoran Greenland:Greenlandic Guatemala:Guatemalan Haiti:Haitian
        Honduras:Honduran Jamaica:Jamaican Mexico:Mexican Nicaragua:Nicaraguan Panama:Panamanian
        Puerto_Rico:Puerto_Rican
        Trinidad_and_Tobago:Trinidadian
        United_States:American,USA,US,United_States_of_America,America""",
    "South America": """
        Argentina:Argentine,Argentinian,Argentinean Bolivia:Bolivian Brazil:Brazilian Chile:Chilean Colombia:Colombian
        Ecuador:Ecuadorian,Ecuadorean French_Guiana: Guyana:Guyanese Paraguay:Paraguayan Peru:Peruvian
        Suriname:Surinamese Uruguay:Uruguayan Venezuela:Venezuelan""",
    "Oceania": """
        Australia:Australian Fiji:Fijian Kiribati: Micronesia:Micronesian New_Caledonia: New_Zealand:New_Zealander
        Palau: Papua_New_Guinea:Papua_New_Guinean,Papuan Samoa:Samoan Solomon_Islands: Tonga:Tongan Vanuatu:""",
    "Antarctica": "",
}
_CONTINENTS = {
    "Africa": "Africa African",
    "Asia": "Asia Asian",
    "Europe": "Europe European",
    "North America": "North_America North_American Central_America Central_American Caribbean",
    "South America": "South_America South_American Latin_American Latin_America",
    "Oceania": "Oceania Australasia Melanesia Polynesia",
    "Antarctica": "Antarctica Antarctic",
}
_STATES = {
    "United States": """
        Alabama Alaska Arizona Arkansas California Colorado Connecticut Delaware Florida Hawaii Idaho Illinois Indiana
        Iowa Kansas Kentucky Louisiana Maine Maryland Massachusetts Michigan Minnesota Mississippi Missouri Montana
        Nebraska Nevada New_Hampshire New_Jersey New_Mexico New_York North_Carolina North_Dakota Ohio Oklahoma Oregon
        Pennsylvania Rhode_Island South_Carolina South_Dakota Tennessee Texas Utah Vermont Virginia Washington
        West_Virginia Wisconsin Wyoming Texan Californian Alaskan Floridian""",
    "Canada": "Alberta British_Columbia Manitoba New_Brunswick Newfoundland Nova_Scotia Ontario Quebec "
    "Saskatchewan Yukon",
    "Australia": "New_South_Wales Queensland South_Australia Tasmania Victoria Western_Australia Northern_Territory",
    "India": """
        Andhra_Pradesh Assam Bihar Gujarat Haryana Karnataka Kerala Madhya_Pradesh Maharashtra Odisha Punjab Rajasthan
        Tamil_Nadu Telangana Uttar_Pradesh West_Bengal""",
    "Brazil": "Amazonas Bahia Mato_Grosso Minas_Gerais Pará Paraná Rondônia Acre Goiás Ceará",
    "Germany": "Bavaria Bavarian Saxony Brandenburg Hesse Thuringia Saxon",
    "Spain": "Andalusia Catalonia Galicia Andalusian Catalan",
    "Italy": "Sicily Sardinia Tuscany Lombardy Sicilian Tuscan",
    "France": "Brittany Normandy Provence Corsica",
    "China": "Sichuan Yunnan Guangdong Xinjiang Hebei Henan Shandong Hunan",
}
ALIASES = {
    "Texan": "Texas",
    "Californian": "California",
    "Alaskan": "Alaska",
    "Floridian": "Florida",
    "Bavarian": "Bavaria",
    "Saxon": "Saxony",
    "Andalusian": "Andalusia",
    "Catalan": "Catalonia",
    "Sicilian": "Sicily",
    "Tuscan": "Tuscany",
}
"""Adjectives of states."""


def _spaced(listed: str) -> str:
    return listed.replace("_", " ")


def _pairs() -> list[tuple[str, str, list[str]]]:
    """Continent, country and what it is called, of all countries."""
    found = []
    for continent, listed in _COUNTRIES.items():
        for item in listed.split():
            name, _, others = item.partition(":")
            found.append((continent, _spaced(name), [_spaced(one) for one in others.split(",") if one]))
    return found


_CONTINENT_OF = {name: continent for continent, name, _ in _pairs()}


def continent_of(country: str) -> str | None:
    """The continent that a country of the list lies on."""
    return _CONTINENT_OF.get(country)


_ADJECTIVE_ENDS = ("an", "ian", "ese", "ish", "i", "ch", "ench", "ean", "kh", "ai", "ic", "ani", "een", "ek", "ine")
_ADJECTIVES = {name: others[0] for _, name, others in _pairs() if others and others[0].endswith(_ADJECTIVE_ENDS)}


def adjective_of(country: str) -> str | None:
    """What belongs to a country is called; None where the list has no adjective."""
    return _ADJECTIVES.get(country)


def is_adjective(word: str) -> bool:
    """Whether a name of the list is an adjective."""
    return word in _ADJECTIVES.values() or word in ALIASES


def geo_words(kind: str, value: str, *names: str) -> list[tuple[tuple[str, ...], Entry]]:
    """Entries for proper names; words are compared in lower case."""
    entry = Entry("geo", value, kind)
    return [(tuple(name.lower().replace("-", " ").split()), entry) for name in names if name]


def _all() -> list[tuple[tuple[str, ...], Entry]]:
    by_name: dict[str, list[str]] = {}
    for _, country, others in _pairs():
        for name in [country, *others]:
            by_name.setdefault(name, []).append(country)
    found = []
    for name, countries in by_name.items():
        found += geo_words("country", "|".join(countries), name)
    for continent, listed in _CONTINENTS.items():
        found += geo_words("continent", continent, *map(_spaced, listed.split()))
    for country, listed in _STATES.items():
        for state in map(_spaced, listed.split()):
            found += geo_words(f"admin1:{country}", ALIASES.get(state, state), state)
    return found


COUNTRY_WORDS = _all()
