// `segment<Sim>`: a segment that is open, as its schema.
//
// Opening checks the fingerprint, attaches this process, and binds every handle of the schema. The segment stays as long
// as this object or a copy of one of its handles does; the last process to go removes its name, unless it was created to
// persist. Being killed last and leaving last cannot be told apart.
#pragma once

#include "binder.hpp"
#include "birth.hpp"

namespace shm {

/// An open segment with the schema `S`.
template <described_schema S>
class segment {
  public:
    using schema = S;

    /// Opens the segment called `name`, which somebody is attached to or which persists.
    [[nodiscard]] static result<segment> open(std::string_view name, const options& how = {}) {
        auto checked = segments::check_name(name);
        if (!checked) {
            return unexpected{checked.error()};
        }
        auto opened = segments::open(*checked, how, [&](int file, const segments::inspected& found) {
            return segments::check_schema<S>(*checked, file, found, how.subset);
        });
        return opened ? bind(*checked, std::move(*opened)) : result<segment>(unexpected{opened.error()});
    }

    /// Creates the segment called `name`. `init` gets the schema, with all of it zero and so empty, before anybody else
    /// can see it.
    template <class Init>
    [[nodiscard]] static result<segment> create(std::string_view name, const options& how, Init init) {
        auto checked = segments::check_name(name);
        if (!checked) {
            return unexpected{checked.error()};
        }
        using plan = layout::plan<S>;
        segments::draft draft{plan::entries, plan::lanes, plan::body_size, plan::fingerprint, layout::render<S>()};
        auto conceived = segments::conceive(*checked, draft, how);
        if (!conceived) {
            return unexpected{conceived.error()};
        }
        auto made = bind(*checked, std::move(*conceived));
        if (!made) {
            return made;
        }
        init(made->handles);
        auto published = segments::publish(*checked, *made->from.attachment);
        return published ? std::move(made) : result<segment>(unexpected{published.error()});
    }
    [[nodiscard]] static result<segment> create(std::string_view name, const options& how = {}) {
        return create(name, how, [](S&) {});
    }

    /// Opens the segment called `name`, or creates it where there is none.
    [[nodiscard]] static result<segment> open_or_create(std::string_view name, const options& how = {}) {
        for (int tries = 0; tries < 100; ++tries) {
            auto opened = open(name, how);
            if (opened || opened.error().code != errc::not_found) {
                return opened;
            }
            auto created = create(name, how);
            if (created || created.error().code != errc::already_exists) {
                return created;
            }
            // somebody else created it meanwhile, or is about to leave it
        }
        return open(name, how);
    }

    segment(segment&&) noexcept = default;
    segment& operator=(segment&&) noexcept = default;
    segment(const segment&) = delete;
    segment& operator=(const segment&) = delete;

    /// The schema's handles; closed ones once the segment is closed.
    [[nodiscard]] S* operator->() noexcept { return &handles; }
    [[nodiscard]] const S* operator->() const noexcept { return &handles; }
    [[nodiscard]] S& operator*() noexcept { return handles; }
    [[nodiscard]] const S& operator*() const noexcept { return handles; }

    /// The segment's name.
    [[nodiscard]] const std::string& name() const noexcept { return from.segment; }
    /// Whether it is open.
    [[nodiscard]] bool is_open() const noexcept { return from.attachment != nullptr; }
    /// Bytes of the segment; none once it is closed.
    [[nodiscard]] u64 size() const noexcept { return is_open() ? from.attachment->size() : 0; }

    /// A handle to the structure called `field`, whether the schema names it or not. Name, kind and shape are checked
    /// against the segment's own description.
    template <structure H>
    [[nodiscard]] result<H> bind_field(std::string_view field) const {
        if (!is_open()) {
            return closed();
        }
        auto bytes = segments::read_descriptor(from.segment, from.attachment->file(), control.descriptor_offset,
                                               control.descriptor_len);
        if (!bytes) {
            return unexpected{bytes.error()};
        }
        const auto parsed = layout::descriptor::parse(*bytes);
        const auto* there = parsed ? parsed->find(field) : nullptr;
        if (there == nullptr) {
            return unexpected{from.no_field(field)};
        }
        const std::string here = layout::canonical_of<H>(from.attachment->lane_count());
        if (layout::compare(here, there->canonical) == layout::likeness::different) {
            return unexpected{error{errc::schema, from.segment,
                                    "has `" + std::string(field) + "` as " + there->source + " (" + there->canonical +
                                        "), and " + layout::structure_source<H>() + " (" + here + ") was asked for",
                                    "ask for what the segment has"}};
        }
        H handle;
        auto bound = from.bind(field, handle);
        return bound ? result<H>(std::move(handle)) : result<H>(unexpected{bound.error()});
    }

    /// Settles what the dead left: what they had begun took effect once or not at all, what they held comes back, and
    /// their lanes are free. Nobody needs to call it: it runs when somebody attaches, runs out of lanes, claims a role or
    /// is about to sleep. Bounded.
    result<memory::recovery> recover() {
        return is_open() ? result<memory::recovery>(from.attachment->recover()) : result<memory::recovery>(closed());
    }

    /// Attaches a forked child anew; without it, the child does so with its first operation.
    result<void> reattach() {
        if (!is_open()) {
            return closed();
        }
        auto attached = from.attachment->attach();
        return attached ? result<void>()
                        : segments::detail::attach_error(from.segment, attached.error(), from.attachment->lane_count());
    }

    /// Closes the segment: its handles say `closed` from here on. Copies of them keep it open for themselves. No other
    /// thread may be using this object.
    void close() {
        const auto visit = []<class H>(const layout::path&, u64, H* handle) { segments::binder::unbind(*handle); };
        layout::each_structure<S>(&handles, layout::plan<S>::lanes, visit);
        from.attachment.reset();
    }

  private:
    segment() = default;

    [[nodiscard]] static result<segment> bind(const std::string& name, segments::opened opened) {
        segment made;
        made.from = {name, std::move(opened.attachment), std::move(opened.found.table)};
        made.control = opened.found.control;
        std::optional<error> failed;
        const auto visit = [&]<class H>(const layout::path& field, u64, H* handle) {
            auto bound = made.from.bind(field.name.view(), *handle);
            if (!bound && !failed) {
                failed = bound.error();
            }
        };
        layout::each_structure<S>(&made.handles, layout::plan<S>::lanes, visit);
        return failed ? result<segment>(unexpected{std::move(*failed)}) : result<segment>(std::move(made));
    }

    [[nodiscard]] unexpected<error> closed() const {
        return unexpected{error{errc::closed, from.segment, "is closed", "open it again"}};
    }

    segments::binder from;
    memory::control control = {};
    S handles = {};
};

}  // namespace shm
