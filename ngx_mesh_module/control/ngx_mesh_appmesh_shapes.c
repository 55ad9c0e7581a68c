
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The inputs of the operations of the App Mesh API v20190125, restated from
 * the published model as the specs are in ngx_mesh_shapes.c; t/e2e/model.t
 * compares them with it.  Four of the shapes are stricter than the model's,
 * which leaves to its text or to the service what they say here: clientToken,
 * and the names and accounts that keys of the store are made of.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh_shapes.h"
#include "ngx_mesh_shapes.h"


static ngx_uint_t ngx_mesh_test_name(ngx_str_t *value);
static ngx_uint_t ngx_mesh_test_account(ngx_str_t *value);
static ngx_uint_t ngx_mesh_test_token(ngx_str_t *value);


/* "/" would end a name in paths, ARNs and keys of the store */

static ngx_uint_t
ngx_mesh_test_name(ngx_str_t *value)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < value->len; i++) {
        c = value->data[i];

        if (c == '/' || c < 0x20 || c == 0x7f) {
            return 0;
        }
    }

    return value->len != 0;
}


static ngx_uint_t
ngx_mesh_test_account(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < '0' || value->data[i] > '9') {
            return 0;
        }
    }

    return value->len != 0;
}


static ngx_uint_t
ngx_mesh_test_token(ngx_str_t *value)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < value->len; i++) {
        c = value->data[i];

        if ((c < '0' || c > '9')
            && ((c | 0x20) < 'a' || (c | 0x20) > 'z')
            && c != '-'
            && c != '_')
        {
            return 0;
        }
    }

    return 1;
}


/* What several operations have */


static const ngx_mesh_shape_t  ngx_mesh_shape_string =
    ngx_mesh_string("String");


static const ngx_mesh_shape_t  ngx_mesh_shape_input_name =
    ngx_mesh_matching("ResourceName", 1, 255, "[^/\\x00-\\x1f\\x7f]+",
                      ngx_mesh_test_name);


static const ngx_mesh_shape_t  ngx_mesh_shape_service_name =
    ngx_mesh_matching("ServiceName", 1, 255, "[^/\\x00-\\x1f\\x7f]+",
                      ngx_mesh_test_name);


static const ngx_mesh_shape_t  ngx_mesh_shape_account_id =
    ngx_mesh_matching("AccountId", 12, 12, "[0-9]+", ngx_mesh_test_account);


/* "Up to 36 letters, numbers, hyphens, and underscores are allowed" */

static const ngx_mesh_shape_t  ngx_mesh_shape_client_token =
    ngx_mesh_matching("ClientToken", 0, 36, "[a-zA-Z0-9_-]*",
                      ngx_mesh_test_token);


static const ngx_mesh_shape_t  ngx_mesh_shape_tag_key =
    ngx_mesh_string_of("TagKey", 1, 128);


static const ngx_mesh_shape_t  ngx_mesh_shape_tag_value =
    ngx_mesh_string_of("TagValue", 0, 256);


static const ngx_mesh_member_t  ngx_mesh_members_tag_ref[] = {
    { "key", &ngx_mesh_shape_tag_key, 1 },
    { "value", &ngx_mesh_shape_tag_value, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_tag_ref =
    ngx_mesh_structure("TagRef", ngx_mesh_members_tag_ref);


const ngx_mesh_shape_t  ngx_mesh_shape_tag_list =
    ngx_mesh_bounded_list("TagList", 0, 50, &ngx_mesh_shape_tag_ref);


/* Meshes */


static const ngx_mesh_member_t  ngx_mesh_members_create_mesh_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "spec", &ngx_mesh_shape_mesh_spec, 0 },
    { "tags", &ngx_mesh_shape_tag_list, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_create_mesh_input =
    ngx_mesh_structure("CreateMeshInput", ngx_mesh_members_create_mesh_input);


static const ngx_mesh_member_t  ngx_mesh_members_describe_mesh_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_describe_mesh_input =
    ngx_mesh_structure("DescribeMeshInput",
                       ngx_mesh_members_describe_mesh_input);


static const ngx_mesh_member_t  ngx_mesh_members_update_mesh_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "spec", &ngx_mesh_shape_mesh_spec, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_update_mesh_input =
    ngx_mesh_structure("UpdateMeshInput", ngx_mesh_members_update_mesh_input);


static const ngx_mesh_member_t  ngx_mesh_members_delete_mesh_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_delete_mesh_input =
    ngx_mesh_structure("DeleteMeshInput", ngx_mesh_members_delete_mesh_input);


static const ngx_mesh_shape_t  ngx_mesh_shape_list_meshes_limit =
    ngx_mesh_integer_range("ListMeshesLimit", 1, 100);


static const ngx_mesh_member_t  ngx_mesh_members_list_meshes_input[] = {
    { "limit", &ngx_mesh_shape_list_meshes_limit, 0 },
    { "nextToken", &ngx_mesh_shape_string, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_list_meshes_input =
    ngx_mesh_structure("ListMeshesInput", ngx_mesh_members_list_meshes_input);


/* Virtual nodes */


static const ngx_mesh_member_t
    ngx_mesh_members_create_virtual_node_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "spec", &ngx_mesh_shape_virtual_node_spec, 1 },
    { "tags", &ngx_mesh_shape_tag_list, 0 },
    { "virtualNodeName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_create_virtual_node_input =
    ngx_mesh_structure("CreateVirtualNodeInput",
                       ngx_mesh_members_create_virtual_node_input);


static const ngx_mesh_member_t
    ngx_mesh_members_describe_virtual_node_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "virtualNodeName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_describe_virtual_node_input =
    ngx_mesh_structure("DescribeVirtualNodeInput",
                       ngx_mesh_members_describe_virtual_node_input);


static const ngx_mesh_member_t
    ngx_mesh_members_update_virtual_node_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "spec", &ngx_mesh_shape_virtual_node_spec, 1 },
    { "virtualNodeName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_update_virtual_node_input =
    ngx_mesh_structure("UpdateVirtualNodeInput",
                       ngx_mesh_members_update_virtual_node_input);


static const ngx_mesh_member_t
    ngx_mesh_members_delete_virtual_node_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "virtualNodeName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_delete_virtual_node_input =
    ngx_mesh_structure("DeleteVirtualNodeInput",
                       ngx_mesh_members_delete_virtual_node_input);


static const ngx_mesh_shape_t  ngx_mesh_shape_list_virtual_nodes_limit =
    ngx_mesh_integer_range("ListVirtualNodesLimit", 1, 100);


static const ngx_mesh_member_t  ngx_mesh_members_list_virtual_nodes_input[] = {
    { "limit", &ngx_mesh_shape_list_virtual_nodes_limit, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "nextToken", &ngx_mesh_shape_string, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_list_virtual_nodes_input =
    ngx_mesh_structure("ListVirtualNodesInput",
                       ngx_mesh_members_list_virtual_nodes_input);


/* Virtual routers */


static const ngx_mesh_member_t
    ngx_mesh_members_create_virtual_router_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "spec", &ngx_mesh_shape_virtual_router_spec, 1 },
    { "tags", &ngx_mesh_shape_tag_list, 0 },
    { "virtualRouterName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_create_virtual_router_input =
    ngx_mesh_structure("CreateVirtualRouterInput",
                       ngx_mesh_members_create_virtual_router_input);


static const ngx_mesh_member_t
    ngx_mesh_members_describe_virtual_router_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "virtualRouterName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_describe_virtual_router_input =
    ngx_mesh_structure("DescribeVirtualRouterInput",
                       ngx_mesh_members_describe_virtual_router_input);


static const ngx_mesh_member_t
    ngx_mesh_members_update_virtual_router_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "spec", &ngx_mesh_shape_virtual_router_spec, 1 },
    { "virtualRouterName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_update_virtual_router_input =
    ngx_mesh_structure("UpdateVirtualRouterInput",
                       ngx_mesh_members_update_virtual_router_input);


static const ngx_mesh_member_t
    ngx_mesh_members_delete_virtual_router_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "virtualRouterName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_delete_virtual_router_input =
    ngx_mesh_structure("DeleteVirtualRouterInput",
                       ngx_mesh_members_delete_virtual_router_input);


static const ngx_mesh_shape_t  ngx_mesh_shape_list_virtual_routers_limit =
    ngx_mesh_integer_range("ListVirtualRoutersLimit", 1, 100);


static const ngx_mesh_member_t
    ngx_mesh_members_list_virtual_routers_input[] = {
    { "limit", &ngx_mesh_shape_list_virtual_routers_limit, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "nextToken", &ngx_mesh_shape_string, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_list_virtual_routers_input =
    ngx_mesh_structure("ListVirtualRoutersInput",
                       ngx_mesh_members_list_virtual_routers_input);


/* Routes */


static const ngx_mesh_member_t  ngx_mesh_members_create_route_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "routeName", &ngx_mesh_shape_input_name, 1 },
    { "spec", &ngx_mesh_shape_route_spec, 1 },
    { "tags", &ngx_mesh_shape_tag_list, 0 },
    { "virtualRouterName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_create_route_input =
    ngx_mesh_structure("CreateRouteInput",
                       ngx_mesh_members_create_route_input);


static const ngx_mesh_member_t  ngx_mesh_members_describe_route_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "routeName", &ngx_mesh_shape_input_name, 1 },
    { "virtualRouterName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_describe_route_input =
    ngx_mesh_structure("DescribeRouteInput",
                       ngx_mesh_members_describe_route_input);


static const ngx_mesh_member_t  ngx_mesh_members_update_route_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "routeName", &ngx_mesh_shape_input_name, 1 },
    { "spec", &ngx_mesh_shape_route_spec, 1 },
    { "virtualRouterName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_update_route_input =
    ngx_mesh_structure("UpdateRouteInput",
                       ngx_mesh_members_update_route_input);


static const ngx_mesh_member_t  ngx_mesh_members_delete_route_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "routeName", &ngx_mesh_shape_input_name, 1 },
    { "virtualRouterName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_delete_route_input =
    ngx_mesh_structure("DeleteRouteInput",
                       ngx_mesh_members_delete_route_input);


static const ngx_mesh_shape_t  ngx_mesh_shape_list_routes_limit =
    ngx_mesh_integer_range("ListRoutesLimit", 1, 100);


static const ngx_mesh_member_t  ngx_mesh_members_list_routes_input[] = {
    { "limit", &ngx_mesh_shape_list_routes_limit, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "nextToken", &ngx_mesh_shape_string, 0 },
    { "virtualRouterName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_list_routes_input =
    ngx_mesh_structure("ListRoutesInput", ngx_mesh_members_list_routes_input);


/* Virtual services */


static const ngx_mesh_member_t
    ngx_mesh_members_create_virtual_service_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "spec", &ngx_mesh_shape_virtual_service_spec, 1 },
    { "tags", &ngx_mesh_shape_tag_list, 0 },
    { "virtualServiceName", &ngx_mesh_shape_service_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_create_virtual_service_input =
    ngx_mesh_structure("CreateVirtualServiceInput",
                       ngx_mesh_members_create_virtual_service_input);


static const ngx_mesh_member_t
    ngx_mesh_members_describe_virtual_service_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "virtualServiceName", &ngx_mesh_shape_service_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_describe_virtual_service_input =
    ngx_mesh_structure("DescribeVirtualServiceInput",
                       ngx_mesh_members_describe_virtual_service_input);


static const ngx_mesh_member_t
    ngx_mesh_members_update_virtual_service_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "spec", &ngx_mesh_shape_virtual_service_spec, 1 },
    { "virtualServiceName", &ngx_mesh_shape_service_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_update_virtual_service_input =
    ngx_mesh_structure("UpdateVirtualServiceInput",
                       ngx_mesh_members_update_virtual_service_input);


static const ngx_mesh_member_t
    ngx_mesh_members_delete_virtual_service_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "virtualServiceName", &ngx_mesh_shape_service_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_delete_virtual_service_input =
    ngx_mesh_structure("DeleteVirtualServiceInput",
                       ngx_mesh_members_delete_virtual_service_input);


static const ngx_mesh_shape_t  ngx_mesh_shape_list_virtual_services_limit =
    ngx_mesh_integer_range("ListVirtualServicesLimit", 1, 100);


static const ngx_mesh_member_t
    ngx_mesh_members_list_virtual_services_input[] = {
    { "limit", &ngx_mesh_shape_list_virtual_services_limit, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "nextToken", &ngx_mesh_shape_string, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_list_virtual_services_input =
    ngx_mesh_structure("ListVirtualServicesInput",
                       ngx_mesh_members_list_virtual_services_input);


/* Virtual gateways */


static const ngx_mesh_member_t
    ngx_mesh_members_create_virtual_gateway_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "spec", &ngx_mesh_shape_virtual_gateway_spec, 1 },
    { "tags", &ngx_mesh_shape_tag_list, 0 },
    { "virtualGatewayName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_create_virtual_gateway_input =
    ngx_mesh_structure("CreateVirtualGatewayInput",
                       ngx_mesh_members_create_virtual_gateway_input);


static const ngx_mesh_member_t
    ngx_mesh_members_describe_virtual_gateway_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "virtualGatewayName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_describe_virtual_gateway_input =
    ngx_mesh_structure("DescribeVirtualGatewayInput",
                       ngx_mesh_members_describe_virtual_gateway_input);


static const ngx_mesh_member_t
    ngx_mesh_members_update_virtual_gateway_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "spec", &ngx_mesh_shape_virtual_gateway_spec, 1 },
    { "virtualGatewayName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_update_virtual_gateway_input =
    ngx_mesh_structure("UpdateVirtualGatewayInput",
                       ngx_mesh_members_update_virtual_gateway_input);


static const ngx_mesh_member_t
    ngx_mesh_members_delete_virtual_gateway_input[] = {
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "virtualGatewayName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_delete_virtual_gateway_input =
    ngx_mesh_structure("DeleteVirtualGatewayInput",
                       ngx_mesh_members_delete_virtual_gateway_input);


static const ngx_mesh_shape_t  ngx_mesh_shape_list_virtual_gateways_limit =
    ngx_mesh_integer_range("ListVirtualGatewaysLimit", 1, 100);


static const ngx_mesh_member_t
    ngx_mesh_members_list_virtual_gateways_input[] = {
    { "limit", &ngx_mesh_shape_list_virtual_gateways_limit, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "nextToken", &ngx_mesh_shape_string, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_list_virtual_gateways_input =
    ngx_mesh_structure("ListVirtualGatewaysInput",
                       ngx_mesh_members_list_virtual_gateways_input);


/* Gateway routes */


static const ngx_mesh_member_t
    ngx_mesh_members_create_gateway_route_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "gatewayRouteName", &ngx_mesh_shape_input_name, 1 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "spec", &ngx_mesh_shape_gateway_route_spec, 1 },
    { "tags", &ngx_mesh_shape_tag_list, 0 },
    { "virtualGatewayName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_create_gateway_route_input =
    ngx_mesh_structure("CreateGatewayRouteInput",
                       ngx_mesh_members_create_gateway_route_input);


static const ngx_mesh_member_t
    ngx_mesh_members_describe_gateway_route_input[] = {
    { "gatewayRouteName", &ngx_mesh_shape_input_name, 1 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "virtualGatewayName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_describe_gateway_route_input =
    ngx_mesh_structure("DescribeGatewayRouteInput",
                       ngx_mesh_members_describe_gateway_route_input);


static const ngx_mesh_member_t
    ngx_mesh_members_update_gateway_route_input[] = {
    { "clientToken", &ngx_mesh_shape_client_token, 0 },
    { "gatewayRouteName", &ngx_mesh_shape_input_name, 1 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "spec", &ngx_mesh_shape_gateway_route_spec, 1 },
    { "virtualGatewayName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_update_gateway_route_input =
    ngx_mesh_structure("UpdateGatewayRouteInput",
                       ngx_mesh_members_update_gateway_route_input);


static const ngx_mesh_member_t
    ngx_mesh_members_delete_gateway_route_input[] = {
    { "gatewayRouteName", &ngx_mesh_shape_input_name, 1 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "virtualGatewayName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_delete_gateway_route_input =
    ngx_mesh_structure("DeleteGatewayRouteInput",
                       ngx_mesh_members_delete_gateway_route_input);


static const ngx_mesh_shape_t  ngx_mesh_shape_list_gateway_routes_limit =
    ngx_mesh_integer_range("ListGatewayRoutesLimit", 1, 100);


static const ngx_mesh_member_t
    ngx_mesh_members_list_gateway_routes_input[] = {
    { "limit", &ngx_mesh_shape_list_gateway_routes_limit, 0 },
    { "meshName", &ngx_mesh_shape_input_name, 1 },
    { "meshOwner", &ngx_mesh_shape_account_id, 0 },
    { "nextToken", &ngx_mesh_shape_string, 0 },
    { "virtualGatewayName", &ngx_mesh_shape_input_name, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_list_gateway_routes_input =
    ngx_mesh_structure("ListGatewayRoutesInput",
                       ngx_mesh_members_list_gateway_routes_input);


/* Tags of resources */


static const ngx_mesh_shape_t  ngx_mesh_shape_tags_limit =
    ngx_mesh_integer_range("TagsLimit", 1, 50);


static const ngx_mesh_shape_t  ngx_mesh_shape_tag_key_list =
    ngx_mesh_bounded_list("TagKeyList", 0, 50, &ngx_mesh_shape_tag_key);


static const ngx_mesh_member_t
    ngx_mesh_members_list_tags_for_resource_input[] = {
    { "limit", &ngx_mesh_shape_tags_limit, 0 },
    { "nextToken", &ngx_mesh_shape_string, 0 },
    { "resourceArn", &ngx_mesh_shape_arn, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_list_tags_for_resource_input =
    ngx_mesh_structure("ListTagsForResourceInput",
                       ngx_mesh_members_list_tags_for_resource_input);


static const ngx_mesh_member_t  ngx_mesh_members_tag_resource_input[] = {
    { "resourceArn", &ngx_mesh_shape_arn, 1 },
    { "tags", &ngx_mesh_shape_tag_list, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_tag_resource_input =
    ngx_mesh_structure("TagResourceInput",
                       ngx_mesh_members_tag_resource_input);


static const ngx_mesh_member_t  ngx_mesh_members_untag_resource_input[] = {
    { "resourceArn", &ngx_mesh_shape_arn, 1 },
    { "tagKeys", &ngx_mesh_shape_tag_key_list, 1 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_untag_resource_input =
    ngx_mesh_structure("UntagResourceInput",
                       ngx_mesh_members_untag_resource_input);


const ngx_mesh_shape_t  *ngx_mesh_appmesh_inputs[] = {
    &ngx_mesh_shape_create_mesh_input,
    &ngx_mesh_shape_describe_mesh_input,
    &ngx_mesh_shape_update_mesh_input,
    &ngx_mesh_shape_delete_mesh_input,
    &ngx_mesh_shape_list_meshes_input,
    &ngx_mesh_shape_create_virtual_node_input,
    &ngx_mesh_shape_describe_virtual_node_input,
    &ngx_mesh_shape_update_virtual_node_input,
    &ngx_mesh_shape_delete_virtual_node_input,
    &ngx_mesh_shape_list_virtual_nodes_input,
    &ngx_mesh_shape_create_virtual_router_input,
    &ngx_mesh_shape_describe_virtual_router_input,
    &ngx_mesh_shape_update_virtual_router_input,
    &ngx_mesh_shape_delete_virtual_router_input,
    &ngx_mesh_shape_list_virtual_routers_input,
    &ngx_mesh_shape_create_route_input,
    &ngx_mesh_shape_describe_route_input,
    &ngx_mesh_shape_update_route_input,
    &ngx_mesh_shape_delete_route_input,
    &ngx_mesh_shape_list_routes_input,
    &ngx_mesh_shape_create_virtual_service_input,
    &ngx_mesh_shape_describe_virtual_service_input,
    &ngx_mesh_shape_update_virtual_service_input,
    &ngx_mesh_shape_delete_virtual_service_input,
    &ngx_mesh_shape_list_virtual_services_input,
    &ngx_mesh_shape_create_virtual_gateway_input,
    &ngx_mesh_shape_describe_virtual_gateway_input,
    &ngx_mesh_shape_update_virtual_gateway_input,
    &ngx_mesh_shape_delete_virtual_gateway_input,
    &ngx_mesh_shape_list_virtual_gateways_input,
    &ngx_mesh_shape_create_gateway_route_input,
    &ngx_mesh_shape_describe_gateway_route_input,
    &ngx_mesh_shape_update_gateway_route_input,
    &ngx_mesh_shape_delete_gateway_route_input,
    &ngx_mesh_shape_list_gateway_routes_input,
    &ngx_mesh_shape_list_tags_for_resource_input,
    &ngx_mesh_shape_tag_resource_input,
    &ngx_mesh_shape_untag_resource_input,
    NULL
};
