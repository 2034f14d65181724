/** Images of Argo CD and of Flux's kustomize-controller, made from Go modules and Debian packages. */
import { binary } from "../binaries.ts";
import { rootFileSystem } from "./debian.ts";
import { buildImageFrom } from "./docker.ts";
import { imageTag } from "./images.ts";
import { makeBaseImage } from "./node-image.ts";

/** git and an HTTP server: what serves Argo CD and Flux. */
export const sourcesImage = `heddle-test-sources:${imageTag}`;
/** Argo CD in all its parts. */
export const argocdImage = `heddle-test-argocd:${imageTag}`;
/** The one whose entry point is Redis. */
export const redisImage = `heddle-test-redis:${imageTag}`;
/** Flux's controller of Kustomizations. */
export const kustomizeControllerImage = `heddle-test-kustomize-controller:${imageTag}`;

/** Names of these images. */
export const gitopsImages = [sourcesImage, argocdImage, redisImage, kustomizeControllerImage];

/** Builds them, from what is in the cache. */
export async function buildGitopsImages(log: (line: string) => void): Promise<void> {
  const base = await makeBaseImage(await rootFileSystem("gitops", log));
  const path = "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  await buildImageFrom(sourcesImage, [], [`FROM ${base}`, path, "USER 999:999"]);
  await buildImageFrom(
    argocdImage,
    [await binary("argocd"), await binary("helm")],
    [
      `FROM ${base}`,
      path,
      // Nothing is signed here, and this would want GnuPG.
      "ENV ARGOCD_GPG_ENABLED=false",
      "COPY argocd helm /usr/local/bin/",
      "RUN ln -s argocd /usr/local/bin/argocd-application-controller && ln -s argocd /usr/local/bin/argocd-repo-server",
      "USER 999:999",
    ],
  );
  await buildImageFrom(redisImage, [], [`FROM ${argocdImage}`, 'ENTRYPOINT ["redis-server"]']);
  await buildImageFrom(
    kustomizeControllerImage,
    [await binary("kustomize-controller")],
    ["FROM scratch", "COPY kustomize-controller /", "USER 65534:65534", 'ENTRYPOINT ["/kustomize-controller"]'],
  );
}
