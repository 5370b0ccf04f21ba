/* Where the features meet: a new one adds its rows here. */
#include "app/app.h"
#include "core/bell/bell.h"
#include "core/tags/tags.h"
#include "crm/bulk/bulk.h"
#include "crm/customers/customers.h"
#include "crm/demo/demo.h"
#include "crm/export/export.h"
#include "crm/import/import.h"
#include "core/upgrade/upgrade.h"
#include "crm/insight/insight.h"
#include "crm/orders/orders.h"
#include "crm/products/products.h"
#include "crm/tasks/tasks.h"

const struct record_hook *const app_hooks[] = {
    identity_hooks, customers_hooks, contacts_hooks, orders_hooks, products_hooks,
    tasks_hooks,    tags_hooks,      bell_hooks,     NULL,
};

const struct endpoint *const app_endpoints[] = {
    api_session_endpoints, api_admin_endpoints,  api_system_endpoints,
    api_job_endpoints,     api_bell_endpoints,   api_files_endpoints,
    api_tags_endpoints,    bulk_endpoints,       demo_endpoints,
    export_endpoints,      import_endpoints,     insight_endpoints,
    orders_endpoints,      api_people_endpoints, api_why_endpoints,
    api_company_endpoints, api_record_endpoints, NULL,
};

const struct job_kind *const app_jobs[] = {bulk_jobs,    demo_jobs,   export_jobs,  import_jobs,
                                           insight_jobs, orders_jobs, upgrade_jobs, NULL};
