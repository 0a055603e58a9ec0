"""What secrets look like, from their issuers' documentation: one row a format. Written without the rules at hand, and to be kept so.

``<alphabet:length>`` is filled at random; makers of numbers with check digits are in ``redaction_numbers.py``.
"""

from __future__ import annotations

import re
from random import Random
from typing import NamedTuple

__all__ = ["FORMATS", "Format", "filled"]

_UPPER, _LOWER, _DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"
_ALPHABETS = {
    "alnum": _UPPER + _LOWER + _DIGITS,
    "upper": _UPPER + _DIGITS,
    "lower": _LOWER + _DIGITS,
    "hex": _DIGITS + "abcdef",
    "digits": _DIGITS,
    "letters": _UPPER + _LOWER,
    "base64": _UPPER + _LOWER + _DIGITS + "+/",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "url64": _UPPER + _LOWER + _DIGITS + "_-",
}
_SLOT = re.compile(rf"<({'|'.join(_ALPHABETS)}):([0-9]+)>")


def filled(template: str, random: Random) -> str:
    """A template with each slot filled at random, every character alike."""
    return _SLOT.sub(lambda slot: "".join(random.choice(_ALPHABETS[slot[1]]) for _ in range(int(slot[2]))), template)


class Format(NamedTuple):
    """One format.

    Attributes:
        kind: what the redactor calls it, or should.
        template: the value.
        name: the variable or setting that documentation shows it under; without a tell-tale beginning nothing else gives it away.
        bare: it has a tell-tale beginning, so that it is to be found anywhere.
    """

    kind: str
    template: str
    name: str
    bare: bool = True


FORMATS: tuple[Format, ...] = (
    # Model providers and what stands around them.
    Format("openai_api_key", "sk-proj-<url64:74>T3BlbkFJ<url64:74>", "OPENAI_API_KEY"),
    Format("openai_api_key", "sk-<alnum:20>T3BlbkFJ<alnum:20>", "OPENAI_API_KEY"),
    Format("openai_api_key", "sk-svcacct-<url64:120>", "OPENAI_API_KEY"),
    Format("anthropic_api_key", "sk-ant-api03-<url64:93>AA", "ANTHROPIC_API_KEY"),
    Format("anthropic_api_key", "sk-ant-admin01-<url64:93>AA", "ANTHROPIC_ADMIN_KEY"),
    Format("openrouter_api_key", "sk-or-v1-<hex:64>", "OPENROUTER_API_KEY"),
    Format("sk_api_key", "sk-<hex:32>", "DEEPSEEK_API_KEY"),
    Format("huggingface_token", "hf_<letters:34>", "HF_TOKEN"),
    Format("groq_api_key", "gsk_<alnum:52>", "GROQ_API_KEY"),
    Format("xai_api_key", "xai-<alnum:80>", "XAI_API_KEY"),
    Format("replicate_api_token", "r8_<alnum:37>", "REPLICATE_API_TOKEN"),
    Format("perplexity_api_key", "pplx-<alnum:48>", "PERPLEXITY_API_KEY"),
    Format("nvidia_api_key", "nvapi-<url64:64>", "NVIDIA_API_KEY"),
    Format("langsmith_api_key", "lsv2_pt_<hex:32>_<hex:10>", "LANGSMITH_API_KEY"),
    Format("langfuse_secret_key", "sk-lf-<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>", "LANGFUSE_SECRET_KEY"),
    Format("tavily_api_key", "tvly-dev-<alnum:32>", "TAVILY_API_KEY"),
    Format("pinecone_api_key", "pcsk_<alnum:5>_<alnum:63>", "PINECONE_API_KEY"),
    Format("voyage_api_key", "pa-<url64:43>", "VOYAGE_API_KEY"),
    Format("anyscale_api_key", "esecret_<lower:30>", "ANYSCALE_API_KEY"),
    Format("apify_token", "apify_api_<alnum:36>", "APIFY_TOKEN"),
    Format("runpod_api_key", "rpa_<upper:46>", "RUNPOD_API_KEY"),
    Format("helicone_api_key", "sk-helicone-<lower:7>-<lower:7>-<lower:7>-<lower:7>", "HELICONE_API_KEY"),
    Format("modal_token", "as-<alnum:22>", "MODAL_TOKEN_SECRET", bare=False),
    Format("api_key", "<alnum:32>", "MISTRAL_API_KEY", bare=False),
    Format("api_key", "<alnum:40>", "COHERE_API_KEY", bare=False),
    Format("api_key", "<hex:64>", "TOGETHER_API_KEY", bare=False),
    Format("api_key", "<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>", "EXA_API_KEY", bare=False),
    Format("wandb_api_key", "wandb_v1_<url64:77>", "WANDB_API_KEY"),
    # Clouds.
    Format("aws_access_key_id", "AKIA<upper:16>", "AWS_ACCESS_KEY_ID"),
    Format("aws_access_key_id", "ASIA<upper:16>", "AWS_ACCESS_KEY_ID"),
    Format("aws_secret_access_key", "<base64:40>", "AWS_SECRET_ACCESS_KEY", bare=False),
    Format("aws_session_token", "IQoJb3JpZ2luX2Vj<base64:300>", "AWS_SESSION_TOKEN", bare=False),
    Format("google_api_key", "AIzaSy<url64:33>", "GOOGLE_API_KEY"),
    Format("google_oauth_token", "ya29.a0<url64:160>", "ACCESS_TOKEN"),
    Format("google_client_secret", "GOCSPX-<url64:28>", "GOOGLE_CLIENT_SECRET"),
    Format("azure_storage_key", "<base64:86>==", "AccountKey", bare=False),
    Format("azure_client_secret", "<alnum:3>8Q~<url64:34>", "AZURE_CLIENT_SECRET"),
    Format("azure_annotated_key", "<alnum:52>JQQJ99<alnum:26>", "AZURE_OPENAI_API_KEY"),
    Format("api_key", "<hex:32>", "AZURE_OPENAI_API_KEY", bare=False),
    Format("digitalocean_token", "dop_v1_<hex:64>", "DIGITALOCEAN_TOKEN"),
    Format("alibaba_access_key_id", "LTAI5t<alnum:18>", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
    Format("tencent_secret_id", "AKID<alnum:32>", "TENCENTCLOUD_SECRET_ID"),
    Format("yandex_api_key", "AQVN<url64:36>", "YC_API_KEY"),
    Format("databricks_token", "dapi<hex:32>", "DATABRICKS_TOKEN"),
    Format("vault_token", "hvs.<url64:90>", "VAULT_TOKEN"),
    Format("terraform_token", "<alnum:14>.atlasv1.<url64:67>", "TFE_TOKEN"),
    Format("heroku_api_key", "HRKU-AA<url64:58>", "HEROKU_API_KEY"),
    Format("api_key", "<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>", "HEROKU_API_KEY", bare=False),
    Format("fly_token", "FlyV1 fm2_<base64:200>", "FLY_API_TOKEN"),
    Format("netlify_token", "nfp_<alnum:36>", "NETLIFY_AUTH_TOKEN"),
    Format("vercel_token", "vcp_<alnum:56>", "VERCEL_TOKEN"),
    Format("render_api_key", "rnd_<alnum:28>", "RENDER_API_KEY"),
    Format("neon_api_key", "napi_<lower:64>", "NEON_API_KEY"),
    Format("cloudflare_token", "cfut_<alnum:40><hex:8>", "CLOUDFLARE_API_TOKEN"),
    Format("access_token", "<url64:40>", "CLOUDFLARE_API_TOKEN", bare=False),
    Format("cloudflare_origin_key", "v1.0-<hex:24>-<hex:146>", "CF_ORIGIN_KEY"),
    Format("tailscale_key", "tskey-auth-<alnum:17>-<alnum:32>", "TS_AUTHKEY"),
    Format("scaleway_secret", "<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>", "SCW_SECRET_KEY", bare=False),
    Format("openshift_token", "sha256~<url64:43>", "OPENSHIFT_TOKEN"),
    Format("fastly_token", "<url64:32>", "FASTLY_API_TOKEN", bare=False),
    # Code, packages, builds.
    Format("github_token", "ghp_<alnum:36>", "GITHUB_TOKEN"),
    Format("github_token", "gho_<alnum:36>", "GH_TOKEN"),
    Format("github_token", "github_pat_<alnum:22>_<alnum:59>", "GITHUB_TOKEN"),
    Format("gitlab_token", "glpat-<url64:20>", "GITLAB_TOKEN"),
    Format("gitlab_token", "gldt-<url64:20>", "CI_DEPLOY_TOKEN"),
    Format("atlassian_token", "ATATT3xFfGF0<url64:170>=<upper:8>", "JIRA_API_TOKEN"),
    Format("trello_token", "ATTA<hex:72>", "TRELLO_TOKEN"),
    Format("npm_token", "npm_<alnum:36>", "NPM_TOKEN"),
    Format("pypi_token", "pypi-AgEIcHlwaS5vcmc<url64:150>", "TWINE_PASSWORD"),
    Format("rubygems_token", "rubygems_<hex:48>", "GEM_HOST_API_KEY"),
    Format("crates_io_token", "cio<alnum:32>", "CARGO_REGISTRY_TOKEN"),
    Format("nuget_api_key", "oy2<lower:43>", "NUGET_API_KEY"),
    Format("clojars_token", "CLOJARS_<hex:60>", "CLOJARS_PASSWORD"),
    Format("docker_token", "dckr_pat_<url64:27>", "DOCKER_PAT"),
    Format("artifactory_token", "AKCp<alnum:69>", "ARTIFACTORY_API_KEY"),
    Format("circleci_token", "CCIPAT_<alnum:22>_<hex:40>", "CIRCLE_TOKEN"),
    Format("buildkite_token", "bkua_<hex:40>", "BUILDKITE_API_TOKEN"),
    Format("sonarqube_token", "squ_<hex:40>", "SONAR_TOKEN"),
    Format("pulumi_token", "pul-<hex:40>", "PULUMI_ACCESS_TOKEN"),
    Format("doppler_token", "dp.pt.<alnum:43>", "DOPPLER_TOKEN"),
    Format("prefect_api_key", "pnu_<alnum:36>", "PREFECT_API_KEY"),
    Format("onepassword_token", "ops_eyJ<base64:300>", "OP_SERVICE_ACCOUNT_TOKEN"),
    Format("postman_api_key", "PMAK-<hex:24>-<hex:34>", "POSTMAN_API_KEY"),
    # Messaging, mail, telephony.
    Format("slack_token", "xoxb-<digits:12>-<digits:13>-<alnum:24>", "SLACK_BOT_TOKEN"),
    Format("slack_token", "xapp-1-A<upper:10>-<digits:13>-<hex:64>", "SLACK_APP_TOKEN"),
    Format("discord_bot_token", "MT<alnum:22>.G<alnum:5>.<url64:38>", "DISCORD_TOKEN"),
    Format("telegram_bot_token", "<digits:10>:AA<url64:33>", "TELEGRAM_BOT_TOKEN"),
    Format("twilio_api_key", "SK<hex:32>", "TWILIO_API_KEY_SID"),
    Format("access_token", "<hex:32>", "TWILIO_AUTH_TOKEN", bare=False),
    Format("sendgrid_api_key", "SG.<url64:22>.<url64:43>", "SENDGRID_API_KEY"),
    Format("mailgun_api_key", "key-<hex:32>", "MAILGUN_API_KEY"),
    Format("mailchimp_api_key", "<hex:32>-us19", "MAILCHIMP_API_KEY"),
    Format("resend_api_key", "re_<alnum:8>_<alnum:24>", "RESEND_API_KEY"),
    Format("brevo_api_key", "xkeysib-<hex:64>-<alnum:16>", "BREVO_API_KEY"),
    Format("mandrill_api_key", "md-<url64:22>", "MANDRILL_API_KEY", bare=False),
    Format("facebook_token", "EAA<alnum:150>ZDZD", "FB_ACCESS_TOKEN"),
    Format("twitter_bearer_token", "AAAAAAAAAAAAAAAAAAAAA<alnum:90>", "TWITTER_BEARER_TOKEN"),
    Format("linkedin_token", "AQV<url64:180>", "LINKEDIN_ACCESS_TOKEN", bare=False),
    Format("dropbox_token", "sl.<url64:135>", "DROPBOX_ACCESS_TOKEN"),
    # Payment and business.
    Format("stripe_key", "sk_live_<alnum:24>", "STRIPE_SECRET_KEY"),
    Format("stripe_key", "sk_test_51<alnum:97>", "STRIPE_SECRET_KEY"),
    Format("stripe_key", "whsec_<alnum:32>", "STRIPE_WEBHOOK_SECRET"),
    Format("square_token", "EAAA<url64:60>", "SQUARE_ACCESS_TOKEN"),
    Format("shopify_token", "shpat_<hex:32>", "SHOPIFY_ACCESS_TOKEN"),
    Format("braintree_token", "access_token$production$<lower:16>$<hex:32>", "BRAINTREE_TOKEN"),
    Format("plaid_token", "access-production-<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>", "PLAID_ACCESS_TOKEN"),
    Format("razorpay_key", "rzp_live_<alnum:14>", "RAZORPAY_KEY_ID"),
    Format("flutterwave_key", "FLWSECK-<hex:32>-X", "FLW_SECRET_KEY"),
    Format("easypost_api_key", "EZAK<alnum:54>", "EASYPOST_API_KEY"),
    Format("shippo_token", "shippo_live_<hex:40>", "SHIPPO_TOKEN"),
    Format("duffel_token", "duffel_live_<url64:43>", "DUFFEL_ACCESS_TOKEN"),
    Format("hubspot_token", "pat-eu1-<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>", "HUBSPOT_TOKEN"),
    Format("salesforce_token", "00D<alnum:12>!<alnum:88>.<alnum:7>", "SF_ACCESS_TOKEN"),
    Format("airtable_token", "pat<alnum:14>.<hex:64>", "AIRTABLE_TOKEN"),
    Format("notion_token", "ntn_<digits:11><alnum:35>", "NOTION_TOKEN"),
    Format("linear_api_key", "lin_api_<alnum:40>", "LINEAR_API_KEY"),
    Format("figma_token", "figd_<url64:40>", "FIGMA_TOKEN"),
    Format("typeform_token", "tfp_<url64:44>_<alnum:14>", "TYPEFORM_TOKEN"),
    Format("asana_token", "1/<digits:16>:<hex:32>", "ASANA_ACCESS_TOKEN"),
    Format("contentful_token", "CFPAT-<url64:43>", "CONTENTFUL_TOKEN"),
    Format("mapbox_token", "sk.eyJ<alnum:80>.<url64:22>", "MAPBOX_TOKEN"),
    Format("okta_token", "00<url64:40>", "OKTA_API_TOKEN", bare=False),
    # Watching what runs.
    Format("newrelic_key", "NRAK-<upper:27>", "NEW_RELIC_API_KEY"),
    Format("grafana_token", "glsa_<alnum:32>_<hex:8>", "GRAFANA_TOKEN"),
    Format("sentry_token", "sntrys_eyJ<alnum:150>_<base64:43>", "SENTRY_AUTH_TOKEN"),
    Format("sentry_token", "sntryu_<hex:64>", "SENTRY_AUTH_TOKEN"),
    Format("dynatrace_token", "dt0c01.<upper:24>.<upper:64>", "DT_API_TOKEN"),
    Format("api_key", "<hex:32>", "DD_API_KEY", bare=False),
    Format("pagerduty_key", "u+<url64:18>", "PAGERDUTY_TOKEN", bare=False),
    Format("launchdarkly_key", "api-<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>", "LD_ACCESS_TOKEN"),
    Format("posthog_key", "phx_<alnum:43>", "POSTHOG_PERSONAL_API_KEY"),
    # Without an issuer.
    Format("jwt", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ<url64:90>.<url64:43>", "SESSION_JWT"),
    Format("age_secret_key", "AGE-SECRET-KEY-1<bech32:58>", "AGE_KEY"),
    Format("password", "<letters:3>!<alnum:6>#<digits:2>", "DB_PASSWORD", bare=False),
    Format("password", "<letters:8><digits:4>", "admin_password", bare=False),
    Format("secret", "<url64:43>", "JWT_SECRET", bare=False),
    Format("secret", "<hex:40>", "client_secret", bare=False),
    Format("access_token", "<url64:48>", "refresh_token", bare=False),
    Format("api_key", "<base64:43>=", "ENCRYPTION_KEY", bare=False),
)
"""One row a format: keys, tokens, passwords."""
