#!/usr/bin/env python3
"""Writes personal.txt and harmless.txt, the corpus of tests/tests/redact.rs. Needs Faker: pip install faker==40.63.0

A line of personal.txt: kind, tab, locale, tab, text with the personal value between ⟦ and ⟧."""

import random
from pathlib import Path

from faker import Faker

SEED = 20261130
LOCALES = "en_US en_GB de_DE fr_FR es_ES it_IT nl_NL pt_BR pl_PL sv_SE ja_JP en_IN".split()
HERE = Path(__file__).parent

PHONE = {
    "en": ["my number is {}", "You can call me at {}, thanks.", "Phone: {}", "so it's {} and ask for Jo", "reach me on {} after 5"],
    "de": ["meine Nummer ist {}", "Rufen Sie mich unter {} an.", "Tel. {}", "also die {} bitte"],
    "fr": ["mon numéro est le {}", "Appelez-moi au {}.", "Tél : {}", "c'est le {} voilà"],
    "es": ["mi número es {}", "Llámeme al {}.", "Teléfono: {}", "es el {} gracias"],
    "it": ["il mio numero è {}", "Mi chiami al {}.", "Telefono: {}", "è il {} grazie"],
    "nl": ["mijn nummer is {}", "Bel me op {}.", "Telefoon: {}", "dat is {} dank u"],
    "pt": ["meu número é {}", "Me ligue no {}.", "Telefone: {}", "é o {} obrigado"],
    "pl": ["mój numer to {}", "Proszę dzwonić pod {}.", "Telefon: {}", "to jest {} dziękuję"],
    "sv": ["mitt nummer är {}", "Ring mig på {}.", "Telefon: {}", "det är {} tack"],
    "ja": ["電話番号は{}です", "{}に電話してください。", "TEL: {}", "番号は {} です"],
}
OTHERS = {
    "email": ["write to {} please", "E-mail: {}", "it's {}.", "<{}>", '{{"contact":"{}"}}', "mailto:{}?subject=hi"],
    "card": ["my card is {} ok", "{}", "charge {}, please", "Card number: {}.", "it is {} 04/27 123", '{{"pan":"{}","cvv":"123"}}'],
    "ssn": ["my social is {}", "SSN: {}", "{}", "it's {}, born in May", '{{"ssn":"{}"}}'],
    "iban": ["transfer it to {}", "IBAN: {}", "{}", "aus {} bitte", '{{"account":"{}"}}'],
    "ip": ["client {} connected", "{}", "from {}:443", "ip={}", '{{"addr":"{}"}}'],
}


def card(fake):
    number = fake.credit_card_number()
    if len(number) == 16:
        groups = [number[at : at + 4] for at in range(0, 16, 4)]
    elif len(number) == 15:
        groups = [number[:4], number[4:10], number[10:]]
    else:
        groups = [number]
    return fake.random_element([number, " ".join(groups), "-".join(groups)])


def iban(fake):
    number = fake.iban()
    return fake.random_element([number, " ".join(number[at : at + 4] for at in range(0, len(number), 4))])


def personal(fakes):
    for locale, fake in fakes.items():
        for number in range(40):
            templates = PHONE[locale[:2]]
            yield "phone", locale, templates[number % len(templates)].format(f"⟦{fake.phone_number()}⟧")
        makers = [("email", fake.email, 12), ("card", lambda: card(fake), 20), ("iban", lambda: iban(fake), 12)]
        makers += [("ip", fake.ipv4_public, 8), ("ip", fake.ipv6, 8)]
        if locale == "en_US":
            makers.append(("ssn", fake.ssn, 120))
        for kind, make, count in makers:
            for number in range(count):
                template = OTHERS[kind][number % len(OTHERS[kind])]
                yield kind, locale, template.format(f"⟦{make()}⟧")


def harmless(fakes):
    us, rand = fakes["en_US"], random.Random(SEED)
    digits = lambda count: "".join(rand.choice("0123456789") for _ in range(count))
    local = lambda: rand.choice(list(fakes.values()))
    epoch = lambda: rand.randint(1_500_000_000, 1_800_000_000)
    price = lambda: f"{rand.randint(1, 9_999_999) / 100:,.2f}"
    makers = [
        lambda: us.date(pattern=rand.choice(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%y", "%d-%m-%Y", "%B %d, %Y"])),
        lambda: "on " + us.date_time().strftime(rand.choice(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ", "%d.%m.%Y um %H:%M", "%Y%m%d"])),
        lambda: f"from {us.date()} to {us.date()}",
        lambda: f"at {us.time()} for {rand.randint(2, 12)} people",
        lambda: f"{local().city()[:24]} {local().building_number()}, {us.postcode()}",
        lambda: f"{us.street_address()}, {us.state_abbr()} {us.zipcode_plus4()}",
        lambda: f"that is {rand.choice('$€£')}{price()}",
        lambda: f"{rand.randint(1, 999)} {rand.randint(100, 999)} {rand.choice(['EUR', 'kr', 'zł', 'users'])}",
        lambda: f"total {rand.randint(1, 99)}.{digits(3)}.{digits(3)},{digits(2)} €",
        lambda: f'{{"created":{epoch()},"id":"chatcmpl-{us.lexify("?" * 8)}{digits(6)}"}}',
        lambda: f'{{"ts":{epoch()}{digits(3)},"seq":{digits(1).replace("0", "1")}{digits(4)}}}',
        lambda: f"took {epoch()}{digits(9)} ns",
        lambda: us.uuid4(),
        lambda: f"trace {us.md5()} span {us.md5()[:16]}",
        lambda: us.sha1()[:rand.randint(7, 40)],
        lambda: f"order {digits(rand.choice([8, 10, 12, 16]))} has shipped",
        lambda: f"order number {digits(4)}-{digits(6)}",
        lambda: f"tracking number 1Z{digits(16)}",
        lambda: f"ticket #{digits(rand.randint(4, 10))}",
        lambda: f"confirmation code {us.bothify('??####')}",
        lambda: f'{{"order_id":{1 + rand.randint(0, 8)}{digits(15)}}}',
        lambda: f"invoice INV-{digits(4)}-{digits(6)}",
        lambda: f"ISBN {us.isbn13()}",
        lambda: f"EAN {us.ean13()}",
        lambda: f"{us.latitude()}, {us.longitude()}",
        lambda: f"version {rand.randint(0, 20)}.{rand.randint(0, 99)}.{rand.randint(0, 999)}",
        lambda: rand.choice(["gpt-4o-2024-08-06", "claude-sonnet-4-5-20250929", "gpt-4o-mini-2024-07-18", "nova-2-phonecall", "text-embedding-3-large-3072", "gemini-2.5-flash-preview-09-2025"]),
        lambda: us.user_agent()[:90],
        lambda: f'{{"prompt_tokens":{rand.randint(9, 9999)},"completion_tokens":{rand.randint(1, 999)},"total_tokens":{rand.randint(1000, 99999)}}}',
        lambda: f"{us.file_path(depth=2)}:{rand.randint(1, 9999)}",
        lambda: us.mac_address(),
        lambda: us.hex_color(),
        lambda: f"flight {us.bothify('??')} {digits(4)} at gate {rand.choice('ABC')}{rand.randint(1, 60)}",
        lambda: f"between {rand.randint(1900, 2025)}-{rand.randint(1900, 2030)}",
        lambda: f"room {digits(4)}, floor {rand.randint(1, 60)}, {rand.randint(1, 12)} to {rand.randint(1, 12)}",
        lambda: f"{rand.randint(640, 3840)}x{rand.randint(480, 2160)} at {rand.randint(24, 240)} fps",
        lambda: f"{rand.randint(1, 10)} {rand.randint(11, 20)} {rand.randint(21, 30)} {rand.randint(31, 40)}",
        lambda: f"score {rand.random():.6f} {rand.random():.6f}",
        lambda: f"in {rand.randint(1990, 2030)} {digits(rand.randint(3, 7))} people came",
        lambda: f"{rand.randint(2, 9)} pizzas, {rand.randint(10, 40)} minutes, {price()}",
        lambda: us.license_plate(),
        lambda: f"job-{digits(3)}-{digits(4)}-{us.lexify('????')}",
        lambda: us.sentence(nb_words=6),
        lambda: local().sentence(nb_words=4),
        lambda: f"{us.bothify('???')}@{digits(1)}.{digits(1)}.{digits(1)}",
        lambda: f"std::sync::Arc at {us.hexify('^^^^^^^^^^^^')}",
        lambda: f"id={digits(rand.choice([7, 9, 10, 13, 19]))} status=200 size={digits(5)}",
        lambda: f"Session {us.uuid4()} lasted {rand.randint(1, 59)}:{rand.randint(10, 59)}",
    ]
    for number in range(3000):
        yield makers[number % len(makers)]().replace("\n", " ")


Faker.seed(SEED)
fakes = {locale: Faker(locale) for locale in LOCALES}
for locale, fake in fakes.items():
    fake.seed_instance(f"{SEED} {locale}")
(HERE / "personal.txt").write_text("".join("\t".join(line) + "\n" for line in personal(fakes)))
(HERE / "harmless.txt").write_text("".join(line + "\n" for line in harmless(fakes)))
