import {
  any,
  anyReference,
  boolean,
  integer,
  ipv4,
  list,
  mapOf,
  matching,
  object,
  oneOf,
  reference,
  string,
  uuid,
} from '../schema.ts';
import { intent } from './metadata.ts';

export const subnetIntent = intent(
  'subnet',
  object(
    {
      description: string(1000),
      availability_zone_reference: reference('availability_zone'),
      cluster_reference: reference('cluster'),
    },
    {
      name: string(256),
      resources: object(
        {
          vlan_id: integer(0, 4094),
          vswitch_name: string(64),
          virtual_switch_uuid: uuid,
          ip_config: object({
            subnet_ip: ipv4,
            prefix_length: integer(0, 32),
            default_gateway_ip: ipv4,
            pool_list: list(object({ range: matching(/^\d{1,3}(\.\d{1,3}){3} \d{1,3}(\.\d{1,3}){3}$/) })),
            dhcp_options: object({
              domain_name_server_list: list(ipv4, 32),
              domain_search_list: list(string(), 32),
              domain_name: string(),
              tftp_server_name: string(),
              boot_file_name: string(),
            }),
            dhcp_server_address: object({
              ip: ipv4,
              fqdn: string(),
              port: integer(),
              is_backup: boolean,
              ipv6: string(),
            }),
          }),
          is_external: boolean,
          enable_nat: boolean,
          external_connectivity_state: string(),
          vpc_reference: reference('vpc'),
          virtual_network_reference: reference('virtual_network'),
          advanced_networking: boolean,
          reserved_ip_address_list: list(ipv4),
          network_function_chain_reference: reference('network_function_chain'),
          availability_zone_reference_list: list(reference('availability_zone')),
        },
        { subnet_type: oneOf('VLAN', 'OVERLAY') },
      ),
    },
  ),
);

export const imageIntent = intent(
  'image',
  object(
    {
      description: string(1000),
      availability_zone_reference: reference('availability_zone'),
      cluster_reference: reference('cluster'),
    },
    {
      name: string(256),
      resources: object({
        image_type: oneOf('DISK_IMAGE', 'ISO_IMAGE'),
        source_uri: string(),
        data_source_reference: anyReference,
        checksum: object({}, { checksum_algorithm: oneOf('SHA_256', 'SHA_1'), checksum_value: string() }),
        initial_placement_ref_list: list(
          object({ name: string(), file_location: any }, { kind: oneOf('cluster'), uuid }),
        ),
        architecture: string(),
        version: object({}, { product_name: string(64), product_version: string(64) }),
        source_options: object({
          allow_insecure_connection: boolean,
          basic_auth: object({ password: string() }, { username: string() }),
        }),
      }),
    },
  ),
);

const references = (kind: string) => list(reference(kind));

export const projectIntent = intent(
  'project',
  object(
    {
      description: string(1000),
    },
    {
      name: string(64),
      resources: object({
        resource_domain: object({
          resources: list(object({ units: string(), value: integer() }, { limit: integer(), resource_type: string() })),
        }),
        subnet_reference_list: references('subnet'),
        cluster_reference_list: references('cluster'),
        user_reference_list: references('user'),
        external_user_group_reference_list: references('user_group'),
        vpc_reference_list: references('vpc'),
        default_subnet_reference: reference('subnet'),
        environment_reference_list: references('environment'),
        default_environment_reference: reference('environment'),
        account_reference_list: references('account'),
        is_default: boolean,
        tunnel_reference_list: references('tunnel'),
        external_network_list: list(any),
      }),
    },
  ),
);

export const volumeGroupIntent = intent(
  'volume_group',
  object(
    {
      description: string(1000),
      cluster_reference: reference('cluster'),
    },
    {
      name: string(256),
      resources: object({
        flash_mode: string(),
        file_system_type: string(),
        sharing_status: string(),
        attachment_list: list(any),
        disk_list: list(any),
        iscsi_target_prefix: string(),
      }),
    },
  ),
);

export const webhookIntent = intent(
  'webhook',
  object(
    {
      description: string(1000),
    },
    {
      name: string(64),
      resources: object(
        {
          credentials: object({}, { username: string(), password: string() }),
          events_filter_list: list(string()),
        },
        { post_url: string() },
      ),
    },
  ),
);

export const categoryKey = object(
  { api_version: string(), description: string(1000), capabilities: object({ cardinality: integer(1) }) },
  { name: string(64) },
);
export const categoryValue = object({
  api_version: string(),
  description: string(1000),
  value: string(64),
  assignment_rule: any,
});
export const categoryQuery = object({
  api_version: string(),
  usage_type: oneOf('APPLIED_TO', 'REFERENCED_BY', 'APPLIED_TO_RESOURCES'),
  group_member_offset: integer(0),
  group_member_count: integer(0),
  category_filter: object(
    { kind_list: list(string()), type: oneOf('CATEGORIES_MATCH_ANY', 'CATEGORIES_MATCH_ALL') },
    { params: mapOf(list(string())) },
  ),
});

export const identifiersRequest = object(
  { client_identifier: string(), valid_duration_in_minutes: integer(1, 527040) },
  { count: integer(1, 4096) },
);

export const batchRequest = object(
  {
    api_version: string(),
    execution_order: oneOf('SEQUENTIAL', 'NON_SEQUENTIAL'),
    action_on_failure: oneOf('CONTINUE', 'ABORT'),
  },
  {
    api_request_list: list(
      object({ body: any }, { operation: oneOf('GET', 'POST', 'PUT', 'DELETE', 'PATCH'), path_and_params: string() }),
      60,
    ),
  },
);

export const taskPollRequest = object({}, { task_uuid_list: list(uuid), poll_timeout_seconds: integer(0, 30) });

const attributes = list(
  object(
    { operation: oneOf('AVG', 'MIN', 'MAX', 'SUM', 'LAST', 'COUNT', 'BUCKETS'), ancestor_entity_type: string() },
    { attribute: string() },
  ),
);

export const groupsRequest = object(
  {
    entity_ids: list(string()),
    group_member_attributes: attributes,
    group_attributes: attributes,
    group_count: integer(0),
    group_offset: integer(0),
    group_member_count: integer(0),
    group_member_offset: integer(0),
    group_member_sort_attribute: string(),
    group_member_sort_order: oneOf('ASCENDING', 'DESCENDING'),
    group_member_sort_downsampling_function: string(),
    group_sort_attribute: string(),
    group_sort_order: oneOf('ASCENDING', 'DESCENDING'),
    group_sort_downsample_function: string(),
    grouping_attribute: string(),
    grouping_attribute_type: string(),
    filter_criteria: string(),
    interval_start_ms: integer(0),
    interval_end_ms: integer(0),
    downsampling_interval: integer(1),
    number_of_intervals_for_latest_data: integer(),
    number_of_buckets: integer(),
    bucket_boundary: integer(),
    large_bucket_boundary: integer(),
    availability_zone_scope: oneOf('LOCAL', 'GLOBAL'),
    query_name: string(),
  },
  { entity_type: string() },
);
