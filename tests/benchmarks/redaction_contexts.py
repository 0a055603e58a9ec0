"""Where secrets stand, and what looks like one and is none: the texts around the values of the corpus, and its hard negatives."""

# ruff: noqa: E501, RUF001

from __future__ import annotations

import base64
import json
import uuid
from hashlib import md5, sha1, sha256, sha512
from random import Random

from redaction_numbers import digits, luhn_digit

__all__ = ["BARE", "LABELLED", "NAMED", "hard_negatives", "in_json_string"]

NAMED: tuple[str, ...] = (
    "{name}={value}",
    'export {name}="{value}"',
    "export {name}={value} && python agent.py",
    "{name}='{value}' python -m app --port 8080",
    'os.environ["{name}"] = "{value}"',
    '{name} = "{value}"  # production',
    "const {name} = '{value}';",
    "  {name}: {value}\n  replicas: 3",
    '  {name}: "{value}"',
    '{{"{name}": "{value}", "region": "eu-west-1"}}',
    "{{'{name}': '{value}', 'debug': False}}",
    "ENV {name}={value}\nRUN make",
    "docker run -e {name}={value} -p 80:80 image:1.2",
    "docker run --env {name}='{value}' image",
    "{name} := {value}",
    'setenv("{name}", "{value}", 1);',
    "| {name} | {value} |",
    "- `{name}`: `{value}`",
    'env:\n  - name: {name}\n    value: "{value}"',
    'variable "x" {{ {name} = "{value}" }}',
    "Ich habe {name}={value} gesetzt, geht trotzdem nicht.",
    "設定は {name}={value} です。",
    "[default]\n{name} = {value}\nregion = us-east-1",
    '<add key="{name}" value="{value}" />',
    '$env:{name} = "{value}"',
    "set {name}={value}",
    "heroku config:set {name}={value} --app x",
    "KeyError: the settings were {{'{name}': '{value}'}}",
)
"""A value beside the name of its setting."""

BARE: tuple[str, ...] = (
    "{value}",
    "use {value} for the staging system",
    "my key is {value}, please keep it",
    "(see {value})",
    "'{value}'",
    'key="{value}"',
    "`{value}`",
    "```\n{value}\n```",
    "Authorization: Bearer {value}",
    'curl -s https://api.example.com/v1/me -H "Authorization: Bearer {value}" | jq .',
    "curl -H 'X-Api-Key: {value}' https://api.example.com",
    "client = Client(api_key='{value}', timeout=30)",
    "fetch(url, {{ headers: {{ 'x-api-key': `{value}` }} }})",
    "https://api.example.com/v1/items?limit=10&key={value}",
    "https://api.example.com/v1/items?access_token={value}&limit=10",
    'File "app.py", line 3, in call\n    raise AuthError("bad key {value}")\nAuthError: bad key {value}',
    "2024-05-01T10:00:00Z ERROR auth failed for {value} (401)",
    "Bitte nimm {value} und lösche ihn danach.",
    "Utilise {value} s'il te plaît",
    "请使用 {value} 登录。",
    "これを使って：{value}。",
    "{value}\n",
    "keys:\n- {value}\n- other",
    "[{value}]",
    "token:{value}",
    "a,b,{value},c",
    "<key>{value}</key>",
    "> {value}",
    "- [ ] rotate {value}",
)
"""A value that has a tell-tale beginning of its own."""

LABELLED: tuple[str, ...] = (
    "{label}{value}",
    "Hi, {label}{value}. Thanks!",
    "- {label}{value}\n- other",
    "Kunde: Meier, {label}{value}, Berlin",
    "{label}{value}\nplease confirm",
    '"{label}{value}"',
    "the customer wrote: {label}{value} and left",
    "| name | {label}{value} |",
    "({label}{value})",
    "{label}{value};next",
    "氏名：山田、{label}{value}、東京",
)
"""A number of a person or an account, with its label if it has one."""


def in_json_string(text: str) -> str:
    """A text inside of JSON inside of a text, as logs and tool results have it."""
    return f"result: {json.dumps({'ok': True, 'content': text}, ensure_ascii=False)}"


def _ids(random: Random) -> str:
    blob = random.randbytes(32)
    return random.choice(
        (
            f"commit {sha1(blob).hexdigest()} (HEAD -> main)\nAuthor: somebody",
            f"sha256:{sha256(blob).hexdigest()}  image.tar\n{md5(blob).hexdigest()}  notes.txt",
            f"{sha512(blob).hexdigest()}  disk.iso",
            f"trace_id={blob[:16].hex()} span_id={blob[:8].hex()} request-id: {uuid.UUID(bytes=blob[:16])}",
            f"chatcmpl-{blob[:14].hex()} toolu_{blob[:12].hex()} call_{base64.urlsafe_b64encode(blob[:18]).decode()} fp_{blob[:5].hex()}",
            f'"integrity": "sha512-{base64.b64encode(sha512(blob).digest()).decode()}"',
            f'etag: W/"{blob[:16].hex()}" x-request-id: req_{blob[:12].hex()}',
            f'ObjectId("{blob[:12].hex()}") ulid 01H{base64.b32encode(blob[:14]).decode()[:23]} s3://bucket/{blob[:4].hex()}/part-0001.parquet',
            f"index {blob[:4].hex()}..{blob[4:8].hex()} 100644\nblob {sha1(blob).hexdigest()}",
            f"![plot](data:image/png;base64,iVBORw0KGgo{base64.b64encode(random.randbytes(700)).decode()})",
            f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{base64.b64encode(blob).decode()} build",
            f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(random.randbytes(48)).decode()}\n-----END CERTIFICATE-----",
            f"0x{blob.hex()} tx {sha256(blob).hexdigest()[:40]}",
            f"arn:aws:iam::{digits(random, 12)}:role/worker-{blob[:4].hex()} i-0{blob[:8].hex()[:16]} vpc-{blob[:4].hex()}",
        )
    )


def _numbers(random: Random) -> str:
    n = random.randrange(10**5, 10**6)
    fourteen = digits(random, 15)
    return random.choice(
        (
            f"order {digits(random, 10)}, invoice 2024-{n}, customer {digits(random, 9)}, SKU {digits(random, 12)}",
            f"tracking 1Z{digits(random, 6)}0{digits(random, 9)}, parcel {digits(random, 20)}, EAN 40{digits(random, 11)}",
            f"at {1_700_000_000 + n}, {1_700_000_000_000 + n}, 2024-05-{1 + n % 28:02d} 15:00:00.{n}, 01/02/2024 10:15",
            f"{n / 7:.9f} {n}.25 -{n}e-12 1,{n % 1000:03d},000.00 EUR, v{n % 9}.{n % 30}.{n % 100}-rc.1",
            f"card ending in {n % 10000:04d}; last four {digits(random, 4)}; reference {4 * 10**15 + n * 10 + (int(luhn_digit('4' + f'{n:014d}')) + 5) % 10}",
            f"ISBN 978-3-16-{n}-{n % 10}, DOI 10.1000/xyz{n}, RFC 7231 section {n % 9}.{n % 7}",
            f"flight LH{n % 9999}, seat 12A, PNR {''.join(random.choices('ABCDEFGHJKLMNPQRSTUVWXYZ', k=6))}, gate B{n % 60}",
            f"rows {n} of {n * 3}; shape (128, {n % 512}); loss 0.{digits(random, 8)}; step {n}/1000000",
            f"Karte 14{fourteen}, part no. {digits(random, 3)}-{digits(random, 5)}, batch {digits(random, 8)}-{digits(random, 4)}, lot L{digits(random, 7)}",
            f"{random.randrange(99)}.{random.randrange(99)}.{random.randrange(99)} 10.0.{n % 255}.{n % 200} fe80::{n:x} 00:1b:{n % 99:02d}:aa:bb:cc port {n % 65535}",
            f"[{', '.join(str(random.randrange(10**9, 10**11)) for _ in range(6))}]",
            f"phone support is open 9-17, call volume {n}, ticket #{n}, extension {n % 1000}, room 415-{n % 10000:04d}B",
        )
    )


def _code(random: Random) -> str:
    name = random.choice(("order", "token", "secret", "session", "password", "key", "account", "payload"))
    n = random.randrange(1000)
    return random.choice(
        (
            f"def get_{name}(self, {name}_id: int = {n}) -> str:\n    return self._{name}s[{name}_id].value",
            f"max_tokens={n}, token_count: {n}, tokens_per_second = {n}.5, next_page_token = None",
            f"{name} = os.environ['MY_{name.upper()}']\nif not {name}:\n    raise ValueError('{name} is missing')",
            f"const {{ {name} }} = await load{name.title()}({{ id: `{name}-${{id}}` }});",
            f"api_key: ${{{{ secrets.API_KEY_{n} }}}}\npassword: <your-password-here>\ntoken: ***",
            f"@app.route('/{name}/<int:id>')\nasync def {name}(id): ...\n@pytest.mark.skipif(n > {n}, reason='x')",
            f"CREATE TABLE {name}s (id bigint PRIMARY KEY, {name}_key varchar({n}), password_hash text NOT NULL);",
            f"git clone git@github.com:example/{name}.git && cd {name} && npm install @types/node@{n}.1.0",
            f"assert response.json()['{name}_type'] == 'bearer' and primary_key == 'user_{name}_id_{n}'",
            f"import {{ {name}Client }} from '@scope/{name}-client'; // eslint-disable-next-line no-{name}",
            f"SELECT {name}, count(*) FROM read_parquet('s3://b/{name}/*.parquet') WHERE key = '{name}_{n}' GROUP BY 1",
            f"class {name.title()}TokenAuthenticationProviderFactoryBean{n} extends AbstractSecretKeyResolver",
            f"--{name}-file /etc/app/{name}.pem --public-key id_rsa.pub --token-ttl {n}s --password-stdin",
        )
    )


def _prose(random: Random) -> str:
    n = random.randrange(2, 900)
    return random.choice(
        (
            f"The secret of good soup is patience: let it stand for {n} minutes. The key to it all is salt.",
            f"Your password must have at least {n} characters. The token expires after {n} minutes; basic access is free.",
            f"Am {1 + n % 28}.05.2024 um 15:00 Uhr trafen sich {n} Leute in 10115 Berlin, Haus {n}.",
            f"Le bearer du projet a signé le {1 + n % 28} mai; {n} personnes étaient là, tél. non communiqué.",
            f"Call me back when you are ready. We passed {n} checks; passport control was quick, and the pan was hot.",
            f"She scored {n} to {n + 3}, the pin was bent, the card was red and the account of it was short ({n} words).",
            f"密码必须至少包含{n}个字符。订单号{n}{n}已发货，谢谢。",
            f"Sign in with your e-mail address and password, then open Settings > API keys > Create key ({n} of 1000 used).",
            f"He met @ann and @bob at 5 pm @ cafe; price 3 @ $ {n}.00; see #{n} and section {n % 9}.{n % 7}.",
        )
    )


def hard_negatives(random: Random, size: int) -> list[str]:
    """Texts of ``size`` characters in all, a quarter each of ids, numbers, code and prose."""
    texts: list[str] = []
    written = 0
    while written < size:
        for make in (_ids, _numbers, _code, _prose):
            text = make(random)
            texts.append(text)
            written += len(text)
    return texts
