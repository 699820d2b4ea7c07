{# An elementwise expression over `dims`, outermost first, with strides in elements for every operand and the output,
   whose dtypes are `dtypes`, the output's first, and whose elements take `sizes` bytes. The innermost stride of an
   operand is 1 (vector load) or 0 (one value for the row). lo..hi are indices of the outermost dimension; with one
   dimension only, they are blocks of `block` elements. One round of the loop takes `unroll` vectors. #}
{% import "macros.wat" as m with context %}
{% set names = ("c",) + pointers %}
{# Beside vectors, single elements have locals of their own. #}
{% set letter = {"v": "f", "m": "i"} %}
{% set shift = {1: 0, 2: 1, 4: 2, 8: 3, 16: 4} %}
{# The local of vector `u` of an operand, and what loads it. #}
{% macro loaded(p, u) %}{{ "$%s_x%d%s" % (vector(dtypes[names.index(p)]).local, u, p) }}{% endmacro %}
{% macro load_of(p, u) %}
{% set k = names.index(p) %}
{{ vector(dtypes[k]).load.format("offset=%d @i_r%s" % (u * L * sizes[k], p) if u else "@i_r" ~ p) }}
{% endmacro %}
{# So many vectors of a row, one after the other, and the pointers behind them. Several are all loaded before the
   first is stored: loads that do not wait behind stores are 5% faster where memory is the limit. #}
{% macro vectors_of(count) %}
{% for u in range(count if count > 1 else 0) %}
{% for p in pointers %}
{% if inner[loop.index0] %}
(local.set {{ loaded(p, u) }} {{ load_of(p, u) }})
{% endif %}
{% endfor %}
{% endfor %}
{% for u in range(count) %}
{% set leaves = [] %}
{% for p in pointers %}
{% set wide = vector(dtypes[loop.index]) %}
{% if not inner[loop.index0] %}
{% do leaves.append("@%s_s%s" % (wide.local, p)) %}
{% else %}
{% do leaves.append("(local.get %s)" % loaded(p, u) if count > 1 else load_of(p, 0)) %}
{% endif %}
{% endfor %}
{{ vector(dtypes[0]).store.format("offset=%d @i_rc" % (u * L * sizes[0]) if u else "@i_rc", expr(0, *leaves)) }}
{% endfor %}
{% for p in names %}
{% if p == "c" or inner[loop.index0 - 1] %}
{{ m.bump("i_r" ~ p, sizes[loop.index0] * L * count) }}
{% endif %}
{% endfor %}
{% endmacro %}
{% macro row(n_text, known) %}
{# One innermost row of n elements (`known` is n, or -1 when only the run tells), pointers $i_d<name>. #}
{% for p in pointers %}
{% set wide, one = vector(dtypes[loop.index]), single(dtypes[loop.index]) %}
(local.set $i_r{{ p }} @i_d{{ p }})
{% if inner[loop.index0] == 0 %}
(local.set ${{ wide.local }}_s{{ p }} {{ wide.splat.format("@i_d" ~ p) }})
(local.set ${{ letter[one.local] }}_s{{ p }} {{ one.load.format("@i_d" ~ p) }})
{% endif %}
{% endfor %}
(local.set $i_rc @i_dc)
{% set vectors = known // L %}
{% if unroll > 1 and vectors >= unroll %}
(local.set $i_v (i32.shr_u {{ n_text }} #{{ shift[L * unroll] }}))
(if @i_v (then (loop $L_u
{{ vectors_of(unroll) }}
(br_if $L_u (local.tee $i_v (i32.sub @i_v #1))))))
{% endif %}
{% if unroll == 1 or vectors % unroll or dims | length == 1 %}
(local.set $i_v (i32.and (i32.shr_u {{ n_text }} #{{ shift[L] }}) #{{ unroll - 1 if unroll > 1 else -1 }}))
(if @i_v (then (loop $L_v
{{ vectors_of(1) }}
(br_if $L_v (local.tee $i_v (i32.sub @i_v #1))))))
{% endif %}
{% if L > 1 and known % L %}
(local.set $i_v (i32.and {{ n_text }} #{{ L - 1 }}))
(if @i_v (then (loop $L_s
{% set leaves = [] %}
{% for p in pointers %}
{% set one = single(dtypes[loop.index]) %}
{% do leaves.append(one.load.format("@i_r" ~ p) if inner[loop.index0] else "@%s_s%s" % (letter[one.local], p)) %}
{% endfor %}
{{ single(dtypes[0]).store.format("@i_rc", scalar_expr(0, *leaves)) }}
{% for p in names %}
{% if p == "c" or inner[loop.index0 - 1] %}
{{ m.bump("i_r" ~ p, sizes[loop.index0]) }}
{% endif %}
{% endfor %}
(br_if $L_s (local.tee $i_v (i32.sub @i_v #1))))))
{% endif %}
{% endmacro %}
{% macro nest(depth) %}
{% if depth == dims | length - 1 %}
{{ row("#%d" % dims[-1], dims[-1]) }}
{% else %}
{% for p in names %}
(local.set $i_k{{ depth }}{{ p }} @i_d{{ p }})
{% endfor %}
{% call m.repeat("n%d" % depth, "#%d" % dims[depth]) %}
{% for p in names %}
(local.set $i_d{{ p }} @i_k{{ depth }}{{ p }})
{% endfor %}
{{ nest(depth + 1) }}
{% for p in names %}
{{ m.bump("i_k%d%s" % (depth, p), sizes[loop.index0] * strides[loop.index0][depth]) }}
{% endfor %}
{% endcall %}
{% endif %}
{% endmacro %}
{% if dims | length == 1 %}
(if (i32.lt_u @lo @hi) (then
(local.set $i_n (i32.mul @hi #{{ block }}))
(if (i32.gt_u @i_n #{{ dims[0] }}) (then (local.set $i_n #{{ dims[0] }})))
(local.set $i_n (i32.sub @i_n (i32.mul @lo #{{ block }})))
{% for p in names %}
(local.set $i_d{{ p }} (i32.add @{{ p }} (i32.mul @lo #{{ sizes[loop.index0] * block * strides[loop.index0][0] }})))
{% endfor %}
{{ row("@i_n", dims[0]) }}
))
{% else %}
{% call m.for("u", "@lo", "@hi") %}
{% for p in names %}
(local.set $i_d{{ p }} (i32.add @{{ p }} (i32.mul @i_u #{{ sizes[loop.index0] * strides[loop.index0][0] }})))
{% endfor %}
{{ nest(1) }}
{% endcall %}
{% endif %}
