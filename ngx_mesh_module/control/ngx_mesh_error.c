
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The errors of the App Mesh API and their statuses, as the published model has
 * them, and those that the front of the control plane adds: clients know the
 * latter by their status.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_error.h"


const ngx_mesh_error_t  ngx_mesh_error_bad_request = {
    "BadRequestException", 400
};

const ngx_mesh_error_t  ngx_mesh_error_conflict = {
    "ConflictException", 409
};

const ngx_mesh_error_t  ngx_mesh_error_forbidden = {
    "ForbiddenException", 403
};

const ngx_mesh_error_t  ngx_mesh_error_internal = {
    "InternalServerErrorException", 500
};

const ngx_mesh_error_t  ngx_mesh_error_limit_exceeded = {
    "LimitExceededException", 400
};

const ngx_mesh_error_t  ngx_mesh_error_not_found = {
    "NotFoundException", 404
};

const ngx_mesh_error_t  ngx_mesh_error_resource_in_use = {
    "ResourceInUseException", 409
};

const ngx_mesh_error_t  ngx_mesh_error_unavailable = {
    "ServiceUnavailableException", 503
};

const ngx_mesh_error_t  ngx_mesh_error_too_many_requests = {
    "TooManyRequestsException", 429
};

const ngx_mesh_error_t  ngx_mesh_error_too_many_tags = {
    "TooManyTagsException", 400
};

const ngx_mesh_error_t  ngx_mesh_error_unknown_operation = {
    "UnknownOperationException", 404
};

const ngx_mesh_error_t  ngx_mesh_error_method_not_allowed = {
    "UnknownOperationException", 405
};

const ngx_mesh_error_t  ngx_mesh_error_too_large = {
    "RequestEntityTooLargeException", 413
};

const ngx_mesh_error_t  ngx_mesh_error_missing_token = {
    "MissingAuthenticationTokenException", 403
};

const ngx_mesh_error_t  ngx_mesh_error_incomplete_signature = {
    "IncompleteSignatureException", 403
};

const ngx_mesh_error_t  ngx_mesh_error_invalid_signature = {
    "InvalidSignatureException", 403
};

const ngx_mesh_error_t  ngx_mesh_error_unrecognized_client = {
    "UnrecognizedClientException", 403
};

const ngx_mesh_error_t  ngx_mesh_error_access_denied = {
    "AccessDeniedException", 403
};
