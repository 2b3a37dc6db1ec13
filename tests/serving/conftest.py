"""What the tests of the service share: a small bundle, running services, stores, keys."""

from tests.serving.keyed import keyed as keyed
from tests.serving.keyed import keys as keys
from tests.serving.running import bundle as bundle
from tests.serving.running import bundle_folder as bundle_folder
from tests.serving.running import leads as leads
from tests.serving.running import offline as offline
from tests.serving.running import service as service
from tests.serving.running import serving_at as serving_at
from tests.serving.running import upsell_bundle as upsell_bundle
from tests.serving.running import upsell_folder as upsell_folder
from tests.serving.stores import new_url as new_url
from tests.serving.stores import online as online
from tests.serving.stores import postgres as postgres
from tests.serving.stores import serve_store as serve_store
from tests.serving.stores import store as store
from tests.serving.stores import url as url
