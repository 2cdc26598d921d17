"""Which of Faker's providers may make values, with which arguments: what isn't listed here is refused.

Listed is what gives the same text for the same seed whatever the day and the process, and nothing that is longer than
its arguments say. Not listed is what counts from today, what takes templates of Faker's own (`{{date_time}}` in them
calls anything by name) and what makes bytes, files or Python's objects.
"""

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from lab.core.exchange import Json

GENERATORS = frozenset("""
aadhaar_id aba academic_prefix academic_suffix address address_detail administrative_unit amphoe
android_platform_token ape_code area2_landline_number area_code area_code_with_separator area_code_without_separator
area_name ascii_company_email ascii_email ascii_free_email ascii_safe_email automobile_license_plate
autonomous_community bairro ban bank bank_country basic_phone_number bayantel_area2_landline_number
bayantel_landline_identifier bban bic boolean borough bothify brand_suffix bs building_dong building_name
building_name_suffix building_number building_number_segregated building_number_underground building_prefix
building_suffix building_unit_number businesses_inn canton canton_code canton_name catch_phrase
catch_phrase_attribute catch_phrase_noun catch_phrase_verb cedula cellphone_block cellphone_number
cellphone_provider_code century checking_account chome cie cif cin city city_adjective city_name city_name_suffix
city_part city_prefix city_prefix_abbr city_state city_suffix city_with_postcode civil_status civil_status_code
civil_status_name clabe classification_number cnpj color color_hsl color_hsv color_name color_rgb color_rgb_float
common_street_name commune commune_and_region commune_code commune_name commune_prefix company company_business_id
company_category company_cuit company_email company_id company_limited_prefix company_limited_suffix
company_name_word company_prefix company_rut company_suffix company_type company_vat concelho coordinate
correspondent_account country country_calling_code country_code county cpf credit_card_number credit_card_provider
credit_card_security_code cryptocurrency cryptocurrency_code cryptocurrency_name cuil cuit currency currency_code
currency_name currency_symbol current_country current_country_code department department_code department_name
department_number dialing_code diplomatic_license_plate district district_suffix distrito dk_street_name dni doi
domain_name domain_word ean ean13 ean8 ein email emoji english_catch_phrase english_paragraph english_paragraphs
english_sentence english_sentences english_text english_texts english_word english_words estado estado_nome
estado_sigla file_extension file_name file_path first_kana_name first_kana_name_female first_kana_name_male
first_name first_name_est first_name_female first_name_female_abbreviated first_name_female_common
first_name_female_est first_name_female_hinduism first_name_female_islamic first_name_female_pair
first_name_female_rus first_name_male first_name_male_abbreviated first_name_male_common first_name_male_est
first_name_male_hinduism first_name_male_islamic first_name_male_pair first_name_male_rus first_name_nonbinary
first_name_pair first_name_rus first_name_unisex first_romanized_name first_romanized_name_female
first_romanized_name_male floor_number floor_unit_number free_email free_email_domain freguesia frequent_street_name
full_name gemstone_name given_name given_name_female given_name_male globe_area2_landline_number globe_mobile_number
globe_mobile_number_prefix gou gsis gstin hex_color hexify highway_name historic_people_street_name hostname
house_number http_method http_status_code iana_id iban ide identity_card_number idi image_url individuals_inn
initials internet_explorer invalid_ssn ios_platform_token ipv4 ipv4_network_class ipv4_private ipv4_public ipv6
isbn10 isbn13 itin jan jan13 jan8 job job_female job_male kana kana_name kana_name_female kana_name_male kpp kvnr
land_address land_number landline_code landline_number language_code language_name large_company last_kana_name
last_name last_name_common last_name_est last_name_female last_name_female_islamic last_name_hinduism
last_name_islamic last_name_male last_name_nonbinary last_name_pair last_name_rus last_name_unique_to_female
last_name_unique_to_male last_name_unisex last_romanized_name latitude latlng legal_person_nit
legal_person_nit_with_check_digit lexify license_plate license_plate_ar license_plate_by_province
license_plate_by_state license_plate_car license_plate_cdmx license_plate_diplomatic license_plate_en
license_plate_mercosur license_plate_motorbike license_plate_new license_plate_old license_plate_police
license_plate_state license_plate_state_abbr license_plate_temporary license_plate_unified line_address
linux_platform_token linux_processor local_latitude local_latlng local_longitude local_regon locale localized_ean
localized_ean13 localized_ean8 location_on_land longitude luzon_province luzon_province_address
luzon_province_postcode mac_address mac_platform_token mac_processor md5 metro_manila_address metro_manila_lgu
metro_manila_postcode metropolitan_city middle_name middle_name_female middle_name_male military_apo military_dpo
military_ship military_state mime_type mindanao_province mindanao_province_address mindanao_province_postcode
misc_area2_landline_number misc_landline_identifier mobile_number mobile_operator motorcycle_license_plate
motorcycle_license_plate_cdmx motorcycle_license_plate_national mountain_name msisdn municipality municipality_code
name name_female name_male name_nonbinary nationality natural_person_nit natural_person_nit_with_check_digit
neighborhood nic_handle nic_handles nie nif nip non_area2_landline_area_code non_area2_landline_number
nonprofit_prefix nuip null_boolean numbered_street numerify nuss old_postal_code opera operator_id
ordinal_floor_number ordinal_street_number org_and_vat_id org_id pagibig pan paragraph paragraphs
partitioned_building_number passport_gender passport_number passport_owner password person_rut philhealth
phone_number phonenumber_prefix pincode_in_army pincode_in_military pincode_in_state place_name plant_name
plant_street_name plate_letter plate_letter_prefix plate_letter_suffix plate_number plate_number_extra
plate_number_special plate_region_code plate_suffix pldt_area2_landline_number police_id port_number postal_code
postal_code_letter postalcode postalcode_in_province postalcode_in_state postalcode_plus4 postcode
postcode_city_province postcode_in_army postcode_in_military postcode_in_province postcode_in_state prefecture
prefix prefix_female prefix_male prefix_nonbinary pricetag protocol_license_plate provider_code province
province_abbr province_code province_lgu province_name province_prefix provinces_code public_transport_license_plate
public_transport_license_plate_lettered public_transport_license_plate_numbered pwz_doctor pwz_nurse pybool
pydecimal pyfloat pyint pystr pystr_format random_choices random_company_acronym random_company_adjective
random_company_noun_chain random_company_product random_digit random_digit_above_two random_digit_not_null
random_digit_not_null_or_empty random_digit_or_empty random_element random_elements random_good_service_adjective
random_good_service_adjective_chain random_int random_letter random_letters random_lowercase_letter
random_name_complements random_noun_ish_good_trait random_number random_object_of_concern random_sample
random_uppercase_letter randomize_nb_elements rcs_number rd_number real_city_name region region_code regon rg
rgb_color rgb_css_color rif ripe_id road road_address road_name road_number road_suffix romanized_name
romanized_name_female romanized_name_male rut safari safe_color_name safe_domain_name safe_email safe_hex_color sbn9
secondary_address section_number sentence sentences serial_number service_phone_number settlement settlement_suffix
sha1 sha256 siren siret slug smart_mobile_number smart_mobile_number_prefix snils space_object_name special_code ssn
sss standalone_building_number state state_abbr state_name street street_address street_address_with_county
street_municipality street_name street_name_adjective_feminine street_name_suffix street_name_universal
street_prefix street_prefix_feminine street_prefix_feminine_short street_prefix_long street_prefix_masculine
street_prefix_masculine_short street_prefix_short street_procer street_province street_suffix street_suffix_long
street_suffix_short street_title sub_street sub_street_prefix subdivision_block_number subdivision_lot_number
subdivision_name subdivision_name_suffix subdivision_unit_number suffix suffix_female suffix_male suffix_nonbinary
sun_mobile_number sun_mobile_number_prefix swift swift11 swift8 tambon te_reo_ending te_reo_first te_reo_part
telephone_number telephone_provider_code text texts timezone tin tld toll_number town town_suffix uid umid
union_territory unix_device unix_partition upc_a upc_e uri uri_extension uri_page uri_path url user_name uuid4
vat_id vehicle_category vehicle_category_letter vehicle_category_number vehicle_serial_number
vi_building_number_format village village_prefix village_suffix vin visayas_province visayas_province_address
visayas_province_postcode wilaya windows_platform_token word words zipcode zipcode_in_army zipcode_in_military
zipcode_in_state zipcode_plus4
""".split())  # fmt: skip
"""Providers of some locale."""

_NAMED_BY_YEAR = ("az_AZ", "bg_BG", "mk_MK", "ru_RU")
"""Locales in which a user's name may end in a year up to this one."""
UNSTEADY: Mapping[str, tuple[str, ...]] = {
    "city": ("it_IT",),
    "ssn": (
        "de_AT", "el_GR", "et_EE", "fi_FI", "lv_LV", "nl_BE", "no_NO", "pl_PL", "sr_BA", "sv_SE", "uk_UA", "zh_CN",
    ),
    **dict.fromkeys(
        (
            "ascii_company_email", "ascii_email", "ascii_free_email", "ascii_safe_email", "company_email", "email",
            "free_email", "safe_email", "user_name",
        ),
        _NAMED_BY_YEAR,
    ),
}  # fmt: skip
"""Locales in which a provider gives another value from day to day, or from process to process."""


class Whole(Struct, frozen=True):
    """A whole number."""

    low: int
    high: int

    def complaint(self, value: Json) -> str | None:
        """What is wrong with a value, or None."""
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return None
        return f"is a whole number from {self.low} to {self.high}"


class Amount(Struct, frozen=True):
    """Any number."""

    most: int = 10**15

    def complaint(self, value: Json) -> str | None:
        """What is wrong with a value, or None."""
        if isinstance(value, int | float) and not isinstance(value, bool) and -self.most <= value <= self.most:
            return None
        return "is a number, 10^15 at most"


class Truth(Struct, frozen=True):
    """True or false."""

    def complaint(self, value: Json) -> str | None:
        """What is wrong with a value, or None."""
        return None if isinstance(value, bool) else "is true or false"


class Words(Struct, frozen=True):
    """A text, or with `listed` a list of values; `templates`: whether Faker leaves `{{…}}` in it alone."""

    longest: int = 1000
    listed: bool = False
    templates: bool = True

    def complaint(self, value: Json) -> str | None:
        """What is wrong with a value, or None."""
        if not isinstance(value, list if self.listed else str):
            return "is a list" if self.listed else "is a text"
        if not self.templates and isinstance(value, str) and "{{" in value:
            return "takes no {{…}}; draw each part by itself, and join them in a template"
        return None if len(value) <= self.longest else f"has {self.longest} at most"


ArgumentBound: TypeAlias = Whole | Amount | Truth | Words

ARGUMENTS: Mapping[str, ArgumentBound] = {
    **dict.fromkeys(("nb", "nb_words", "nb_sentences"), Whole(0, 1000)),
    "nb_texts": Whole(0, 20),
    "count": Whole(0, 100),
    "max_nb_chars": Whole(5, 10_000),
    **dict.fromkeys(("min_chars", "max_chars", "number"), Whole(0, 10_000)),
    "length": Whole(0, 1000),
    **dict.fromkeys(("left_digits", "right_digits"), Whole(0, 15)),
    "digits": Whole(1, 18),
    "max_sequential_digits": Whole(1, 4),
    "depth": Whole(0, 10),
    **dict.fromkeys(("deep", "levels"), Whole(1, 10)),
    **dict.fromkeys(("width", "height"), Whole(1, 10_000)),
    **dict.fromkeys(("chance_of_getting_true", "truth_probability"), Whole(0, 100)),
    "step": Whole(1, 10**15),
    **dict.fromkeys(("number_system_digit", "bank_code"), Whole(0, 999)),
    **dict.fromkeys(("min", "max"), Whole(-(10**15), 10**15)),
    **dict.fromkeys(("min_value", "max_value", "center", "radius"), Amount()),
    **dict.fromkeys(
        (
            "absolute", "ar", "buddhist_era", "company", "coords_only", "dash", "fix_len", "formatted", "ge",
            "include_freely_associated_states", "include_territories", "include_unassigned",
            "include_union_territories", "is_dynamic", "is_system", "is_user", "le", "leading_zero", "long",
            "lower_case", "multicast", "network", "positive", "primary", "private", "safe",
            "safe_mode", "short", "special_chars", "temporary_plate", "thai_digit", "unique", "upc_ae_mode", "upper",
            "upper_case", "use_alphanumeric", "use_dataset", "use_weighting", "variable_nb_sentences",
            "variable_nb_words",
        ),
        Truth(),
    ),
    **dict.fromkeys(
        (
            "address_class", "base", "card_type", "category", "cedula_type", "city", "code", "color_format",
            "country_code", "domain", "extension", "file_system_rule", "gender", "hue", "kind", "letter", "letters",
            "luminosity", "part_of_speech", "placeholder_url", "prefix", "province_abbr", "province_prefix",
            "region_name", "representation", "rif_type", "separator", "siren", "state_abbr", "string_format", "suffix",
            "text", "value", "version",
        ),
        Words(),
    ),
    **dict.fromkeys(("elements", "ext_word_list", "prefixes", "schemes"), Words(listed=True)),
}  # fmt: skip
"""What an argument may be, by its name; of a provider only those that it has."""
SPECIAL: Mapping[tuple[str, str], ArgumentBound] = {
    ("password", "digits"): Truth(),
    ("vat_id", "prefix"): Truth(),
    ("pystr_format", "string_format"): Words(templates=False),
}
"""Where a name means something else."""
